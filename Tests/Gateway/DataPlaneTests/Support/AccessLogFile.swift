import Glibc

@testable import MeshDataPlane

/// An access log of a test, a file that is removed at the end.
final class AccessLogFile: Sendable {
    let path: String

    init() {
        let number = UInt64.random(in: 0...UInt64.max)
        self.path = "\(P_tmpdir)/meshgate-access-\(getpid())-\(number).log"
    }

    deinit { unlink(self.path) }

    var sink: AccessLogSink { .file(self.path) }

    /// The lines written so far.
    var lines: [String] {
        let descriptor = open(self.path, O_RDONLY)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1_048_576)
        let count = read(descriptor, &bytes, bytes.count)
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        return text.split(separator: "\n").map(String.init)
    }

    /// Waits for so many lines, five seconds at most.
    func lines(_ count: Int) async -> [String] {
        let end = ContinuousClock.now.advanced(by: .seconds(5))
        while self.lines.count < count, ContinuousClock.now < end {
            try? await Task.sleep(for: .milliseconds(10))
        }
        return self.lines
    }

    /// The next line in place of all; empty when none comes.
    func line() async -> String { await self.lines(1).first ?? "" }
}
