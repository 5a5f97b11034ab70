import Foundation

/// A file of letters for the time of a test.
struct TemporaryFile {
    private let url: URL

    init(byteCount: Int) throws {
        self.url = FileManager.default.temporaryDirectory
            .appendingPathComponent("meshgate-\(UUID().uuidString)")
        try Data(repeating: UInt8(ascii: "a"), count: byteCount).write(to: self.url)
    }

    /// As `curl` wants it.
    var at: String { "@\(self.url.path)" }

    func remove() { try? FileManager.default.removeItem(at: self.url) }
}
