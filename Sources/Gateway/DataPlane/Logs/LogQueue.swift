internal import MeshPlugins
internal import Synchronization

/// Entries on their way from workers to where a log plugin sends them; bounded in number and bytes.
///
/// Workers append, one thread takes; neither waits for the other longer than a list is changed.
final class LogQueue: LogTaking {
    /// One request, as its plugin tells it.
    struct Entry: Sendable {
        let text: [UInt8]
        /// What the client was answered.
        let status: UInt16
    }

    private struct State {
        var entries: [Entry] = []
        var byteCount = 0
    }

    /// Most bytes that wait, whatever the plugin's own limit says: 64 MiB.
    private static let byteLimit = 64 * 1_024 * 1_024

    let plan: LogPlan
    private let state = Mutex(State())

    init(_ plan: LogPlan) { self.plan = plan }

    private var byteLimit: Int { min(self.plan.delivery.byteLimit, Self.byteLimit) }

    var isFull: Bool {
        let limit = self.byteLimit
        return self.state.withLock { state in
            state.entries.count >= self.plan.delivery.entryLimit || state.byteCount >= limit
        }
    }

    func append(_ text: [UInt8], status: UInt16) -> Bool {
        let limit = self.byteLimit
        return self.state.withLock { state in
            guard state.entries.count < self.plan.delivery.entryLimit,
                state.byteCount + text.count <= limit
            else { return false }
            state.entries.append(Entry(text: text, status: status))
            state.byteCount += text.count
            return true
        }
    }

    /// Takes entries out, the oldest first.
    func take(_ limit: Int) -> [Entry] {
        self.state.withLock { state in
            if state.entries.count <= limit {
                defer { state.entries = [] }
                state.byteCount = 0
                return state.entries
            }
            let taken = Array(state.entries[..<limit])
            state.entries.removeFirst(limit)
            state.byteCount -= taken.reduce(0) { $0 + $1.text.count }
            return taken
        }
    }

    /// How many entries wait.
    var count: Int { self.state.withLock { $0.entries.count } }
}
