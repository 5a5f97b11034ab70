import Foundation
import MeshReports
import MeshStorage
import Synchronization

/// The node's last events on disk, one JSON object per line, so that they survive restarts.
///
/// Not made durable one by one: a crash of the machine may cost the last ones. A line that is cut or
/// damaged is passed over. What cannot be written is lost, and the events are still told.
final class EventJournal: Sendable {
    /// Lines after which the file is written anew with those that are kept: 2,000.
    static let lineLimit = 2 * EventLog.capacity

    /// What the file held at the start, oldest first, at most ``EventLog/capacity``.
    let events: [EventReport]

    private struct State {
        var kept: [Data] = []
        var lines = 0
    }

    private let path: String
    private let disk: DiskThread
    private let state: Mutex<State>

    /// Reads the file at `path`, if there is one; writes on `disk`.
    init(path: String, disk: DiskThread) {
        self.path = path
        self.disk = disk
        let content = FileManager.default.contents(atPath: path) ?? Data()
        let lines = content.split(separator: UInt8(ascii: "\n")).suffix(EventLog.capacity)
        let decoder = JSONDecoder()
        var state = State()
        var events: [EventReport] = []
        for line in lines {
            guard let event = try? decoder.decode(EventReport.self, from: Data(line)),
                event.id > events.last?.id ?? 0
            else { continue }
            events.append(event)
            state.kept.append(Data(line))
        }
        // Begins with a whole file, whatever was cut at its end.
        state.lines = Self.lineLimit
        self.events = events
        self.state = Mutex(state)
    }

    /// Appends an event; returns at once.
    func append(_ event: EventReport) {
        guard let line = try? JSONEncoder().encode(event) else { return }
        let path = self.path
        self.state.withLock { state in
            state.kept.append(line)
            state.lines += 1
            if state.kept.count > EventLog.capacity {
                state.kept.removeFirst(state.kept.count - EventLog.capacity)
            }
            let isWhole = state.lines > Self.lineLimit
            if isWhole { state.lines = state.kept.count }
            let content = Self.text(isWhole ? state.kept : [line])
            self.disk.enqueue { try? Self.write(content, to: path, replacing: isWhole) }
        }
    }

    private static func text(_ lines: [Data]) -> Data {
        lines.reduce(into: Data()) { text, line in
            text.append(line)
            text.append(UInt8(ascii: "\n"))
        }
    }

    private static func write(_ content: Data, to path: String, replacing: Bool) throws {
        if !replacing, let handle = FileHandle(forWritingAtPath: path) {
            defer { try? handle.close() }
            try handle.seekToEnd()
            return try handle.write(contentsOf: content)
        }
        try content.write(to: URL(fileURLWithPath: path), options: .atomic)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }
}
