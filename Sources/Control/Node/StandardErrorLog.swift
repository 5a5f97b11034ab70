import Foundation
import Logging
import MeshReports
import Synchronization

/// Writes log lines as JSON objects of text fields, one per line, to standard error.
///
/// Each has `time`, `level`, `event` (the raw value of an ``EventType``) and `message`, and further facts by name.
struct StandardErrorLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    /// The process's one level, whichever logger asks.
    var logLevel: Logger.Level {
        get { LogThreshold.process.level }
        set { LogThreshold.process.set(newValue) }
    }
    private let label: String

    init(label: String) { self.label = label }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields: [String: String] = [:]
        for (key, value) in self.metadata { fields[key] = "\(value)" }
        for (key, value) in event.metadata ?? [:] { fields[key] = "\(value)" }
        fields["time"] = Timestamp.text(milliseconds: NodeClock.wallMilliseconds)
        fields["level"] = event.level.rawValue
        // Lines of the node have the name of what happened; libraries give none.
        if fields["event"] == nil {
            fields["event"] = EventType.library.rawValue
            fields["source"] = event.source
        }
        fields["message"] = "\(event.message)"
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard var line = try? encoder.encode(fields) else { return }
        line.append(UInt8(ascii: "\n"))
        try? FileHandle.standardError.write(contentsOf: line)
    }
}

/// The least level that the process logs; can be changed for a while.
final class LogThreshold: Sendable {
    static let process = LogThreshold()

    private struct State {
        var usual = Logger.Level.info
        var level = Logger.Level.info
        var changes = 0
    }

    private let state = Mutex(State())

    var level: Logger.Level { self.state.withLock { $0.level } }

    /// Sets the level that holds until another is set.
    func set(_ level: Logger.Level) {
        self.state.withLock { state in
            state.usual = level
            state.level = level
            state.changes += 1
        }
    }

    /// Sets a level that goes back after a while.
    func set(_ level: Logger.Level, for duration: Duration) {
        let change = self.state.withLock { state in
            state.level = level
            state.changes += 1
            return state.changes
        }
        Task {
            try? await Task.sleep(for: duration)
            self.state.withLock { state in
                if state.changes == change { state.level = state.usual }
            }
        }
    }
}
