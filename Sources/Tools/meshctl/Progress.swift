import Foundation

/// What a waiting command tells on standard error: one line, redrawn on a screen, else one line
/// per change.
struct Progress {
    private static let barWidth = 20

    private let isScreen = isatty(STDERR_FILENO) == 1 && Terminal.isCapable
    private let started = ContinuousClock.now
    private var last = ""

    /// Shows how many are done and who is missing.
    mutating func show(_ title: String, done: Int, of total: Int, waitingFor names: String) {
        let filled = total == 0 ? Self.barWidth : Self.barWidth * done / total
        let bar =
            String(repeating: "#", count: filled)
            + String(repeating: "-", count: Self.barWidth - filled)
        let rest = names.isEmpty ? "" : "  waiting for \(names)"
        let line = "\(title)  [\(bar)]  \(done) of \(total)\(rest)"
        if self.isScreen {
            let seconds = self.started.duration(to: .now).components.seconds
            Terminal.tell("\r\u{1B}[K\(line)  \(seconds) s")
        } else if line != self.last {
            Terminal.tell(line + "\n")
        }
        self.last = line
    }

    /// Leaves the line standing.
    func end() {
        if self.isScreen && !self.last.isEmpty { Terminal.tell("\n") }
    }
}
