import Logging
import Synchronization

/// What a logger was told, for tests to read.
final class LogLines: Sendable {
    struct Line {
        let level: Logger.Level
        let message: String
        let metadata: Logger.Metadata
    }

    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let line = Line(
                level: event.level,
                message: "\(event.message)",
                metadata: event.metadata ?? [:]
            )
            self.lines.state.withLock { $0.append(line) }
        }
    }

    private let state = Mutex<[Line]>([])

    /// The lines so far.
    var all: [Line] { self.state.withLock { $0 } }

    /// A logger of every level that writes here.
    var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }
}
