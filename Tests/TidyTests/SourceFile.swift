import Foundation
import Testing

/// One Swift file of the tree.
struct SourceFile: Sendable, CustomTestStringConvertible {
    /// Path from the top of the tree.
    let path: String
    let text: String

    var lines: [Substring] { self.text.split(separator: "\n", omittingEmptySubsequences: false) }
    var testDescription: String { self.path }

    /// Modules that the file imports.
    var imports: [String] {
        self.lines.compactMap { line in
            let words = line.split(separator: " ")
            guard let keyword = words.firstIndex(of: "import"), keyword <= 1,
                words.count == keyword + 2
            else { return nil }
            return String(words[keyword + 1])
        }
    }

    /// All Swift files below `folder`, by path.
    static func all(in folder: String) -> [SourceFile] {
        let top = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent()
            .deletingLastPathComponent()
        let walker = FileManager.default.enumerator(atPath: top.appending(path: folder).path())
        let names = (walker?.allObjects as? [String] ?? []).filter { $0.hasSuffix(".swift") }
        return names.sorted().compactMap { name in
            let path = "\(folder)/\(name)"
            guard let text = try? String(contentsOf: top.appending(path: path), encoding: .utf8)
            else { return nil }
            return SourceFile(path: path, text: text)
        }
    }
}
