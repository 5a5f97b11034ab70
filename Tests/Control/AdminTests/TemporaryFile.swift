import Foundation

/// A file for the time of a test.
struct TemporaryFile {
    private let url: URL

    init(byteCount: Int) throws {
        try self.init(String(repeating: "a", count: byteCount))
    }

    init(_ text: String) throws {
        self.url = FileManager.default.temporaryDirectory
            .appendingPathComponent("meshgate-\(UUID().uuidString)")
        try Data(text.utf8).write(to: self.url)
    }

    /// As `curl` wants it.
    var at: String { "@\(self.url.path)" }

    var path: String { self.url.path }

    func remove() { try? FileManager.default.removeItem(at: self.url) }
}
