public import MeshEntities
import Synchronization

/// Entries on their way from workers to where a log plugin sends them; bounded in number and bytes.
///
/// Workers append, one thread takes; neither waits for the other longer than a list is changed.
public final class LogQueue: Sendable {
    /// One request, as JSON.
    public struct Entry: Sendable {
        /// The object, without a line end.
        public let text: [UInt8]
        /// What the client was answered.
        public let status: UInt16
    }

    private struct State {
        var entries: [Entry] = []
        var byteCount = 0
        var dropped: UInt64 = 0
    }

    /// Most bytes that wait, whatever the plugin's own limit says: 64 MiB.
    private static let byteLimit = 64 * 1_024 * 1_024

    /// The plugin's instance.
    public let plugin: EntityID
    /// Where entries go.
    public let target: LogTarget
    /// How they are batched and repeated.
    public let delivery: LogDeliveryRules
    private let state = Mutex(State())

    init(_ plugin: EntityID, _ target: LogTarget, _ delivery: LogDeliveryRules) {
        self.plugin = plugin
        self.target = target
        self.delivery = delivery
    }

    /// Adds an entry; `false` when there is no room and it is dropped.
    public func append(_ text: [UInt8], status: UInt16) -> Bool {
        let limit = min(self.delivery.byteLimit, Self.byteLimit)
        return self.state.withLock { state in
            guard state.entries.count < self.delivery.entryLimit,
                state.byteCount + text.count <= limit
            else {
                state.dropped &+= 1
                return false
            }
            state.entries.append(Entry(text: text, status: status))
            state.byteCount += text.count
            return true
        }
    }

    /// Takes entries out, the oldest first.
    public func take(_ limit: Int) -> [Entry] {
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
    public var count: Int { self.state.withLock { $0.entries.count } }

    /// How many entries found no room.
    public var dropped: UInt64 { self.state.withLock { $0.dropped } }
}

/// Where a log plugin sends entries.
public enum LogTarget: Equatable, Sendable {
    /// Appends lines to a file; opens it for every batch if `reopens`.
    case file(path: String, reopens: Bool)
    /// Sends one datagram per entry.
    case udp(host: String, port: UInt16)
    /// Sends lines over a connection.
    case tcp(host: String, port: UInt16, milliseconds: Int64)
    /// Sends requests over a connection.
    case http(HTTPLogEndpoint)
    /// Tells the local daemon.
    case syslog(SyslogRules)
}

/// Where and how `http-log` sends entries.
public struct HTTPLogEndpoint: Equatable, Sendable {
    /// A name or an address, without brackets.
    public let host: String
    /// The port.
    public let port: UInt16
    /// Everything of a request's head but its length.
    public let head: [UInt8]
    /// How long one request may take.
    public let milliseconds: Int64
}

/// Which entries the local daemon is told, and how.
public struct SyslogRules: Equatable, Sendable {
    /// The facility's number times 8.
    public let facility: Int
    /// The least urgent severity that is told, 0 to 7.
    public let level: Int
    let successful: Int
    let clientErrors: Int
    let serverErrors: Int

    /// The severity of an answer's entry; nil when it is not told.
    public func severity(of status: UInt16) -> Int? {
        let severity =
            status >= 500
            ? self.serverErrors : status >= 400 ? self.clientErrors : self.successful
        return severity <= self.level ? severity : nil
    }
}

/// How entries are batched, kept and repeated: Kong's `queue` record.
///
/// Source: Kong 3.9, `kong/tools/queue.lua` and `queue_schema.lua`.
public struct LogDeliveryRules: Equatable, Sendable {
    /// Most entries of one batch (1).
    public var batchLimit = 1
    /// Milliseconds that a batch waits for more entries (1,000).
    public var coalescingMilliseconds: Int64 = 1_000
    /// Most entries that wait (10,000).
    public var entryLimit = 10_000
    /// Most bytes that wait.
    public var byteLimit = Int.max
    /// Milliseconds that a batch is tried for (60,000).
    public var retryMilliseconds: Int64 = 60_000
    /// Milliseconds before the first repetition; doubled for every other (10).
    public var firstDelay: Int64 = 10
    /// Most milliseconds between repetitions (60,000).
    public var longestDelay: Int64 = 60_000
}
