import Foundation
import Testing

@Suite("The pages of the documentation")
struct PageTests {
    /// The blocks of Swift on a page.
    private static func blocks(of page: String) throws -> [String] {
        let top = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent()
            .deletingLastPathComponent()
        let place = top.appending(path: "Sources/Control/Node/MeshNode.docc/\(page).md")
        let text = try String(contentsOf: place, encoding: .utf8)
        return text.components(separatedBy: "```swift\n").dropFirst().compactMap {
            $0.components(separatedBy: "\n```").first
        }
    }

    /// The code alone: what a page says beside it, and who may see it, does not count.
    private static func code(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let code = line.components(separatedBy: "  // ").first ?? ""
            return code.hasPrefix("private struct ") ? String(code.dropFirst(8)) : code
        }
        .joined(separator: "\n")
    }

    @Test("show the plugin that a contributor adds as the tests compile and try it")
    func plugin() throws {
        let blocks = try Self.blocks(of: "AddingAPlugin")
        let example = try #require(
            SourceFile.all(in: "Tests/Gateway/PluginsTests")
                .first { $0.path.hasSuffix("/ExamplePluginTests.swift") }
        )
        #expect(blocks.count == 1)
        for block in blocks {
            #expect(block.utf8.count > 500)
            #expect(
                Self.code(example.text).contains(Self.code(block)),
                "AddingAPlugin.md shows other code than ExamplePluginTests.swift"
            )
        }
    }
}
