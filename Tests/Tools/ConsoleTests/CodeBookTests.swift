import Foundation
import MeshConsole
import MeshReports
import Testing

@Suite("The book of codes")
struct CodeBookTests {
    /// Every code that stands as a literal in the sources.
    private static func codesInSources() throws -> Set<String> {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../../Sources").standardized
        let files = try #require(
            FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
        )
        var codes: Set<String> = []
        for case let file as URL in files where file.pathExtension == "swift" {
            guard file.lastPathComponent != "CodeBook.swift" else { continue }
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /"(MESH[0-9]{3})"/) { codes.insert(String(match.1)) }
        }
        return codes
    }

    @Test("has a page for every code that a node or meshctl prints, and no other")
    func complete() throws {
        let codes = try Self.codesInSources()
        #expect(codes.count > 20)
        #expect(Set(CodeBook.pages.map(\.code)) == codes)
        #expect(CodeBook.pages.map(\.code) == CodeBook.pages.map(\.code).sorted())
    }

    @Test("finds a page in any case, with or without MESH")
    func finding() {
        #expect(CodeBook.page("mesh004")?.code == "MESH004")
        #expect(CodeBook.page("103")?.code == "MESH103")
        #expect(CodeBook.page("4")?.code == "MESH004")
        #expect(CodeBook.page("MESH999") == nil)
        #expect(CodeBook.page("+4") == nil)
        #expect(CodeBook.page("99999999999999999999") == nil)
        #expect(CodeBook.page("") == nil)
    }

    @Test("has a page for every name of an event")
    func events() {
        #expect(CodeBook.events.map(\.code) == EventType.allCases.map(\.rawValue))
        #expect(CodeBook.page("Target-Excluded")?.code == "target-excluded")
        #expect(CodeBook.page("target-gone") == nil)
    }

    @Test(
        "prints pages that fit 100 columns and say what to do",
        arguments: CodeBook.pages + CodeBook.events
    )
    func pages(page: CodeBook.Page) {
        #expect(page.text.hasPrefix("\(page.code)  \(page.title)\n\n"))
        #expect(page.text.contains("\nWhat to do:\n"))
        #expect(!page.text.contains(/[a-z]- [a-z]/))
        #expect(page.text.split(separator: "\n").allSatisfy { $0.count <= 100 })
    }
}
