import Logging
import MeshReports
import Synchronization

/// The node's last events, and those who watch for new ones; each is a line of the log, too.
final class EventLog: Sendable {
    /// Events kept for a stream that resumes: 1,000.
    static let capacity = 1_000
    /// Watchers at once; further ones get an ended stream.
    static let watcherLimit = 64

    private struct State {
        var next: UInt64 = 1
        var events: [EventReport] = []
        var watchers: [UInt64: AsyncStream<EventReport>.Continuation] = [:]
        var isEnded = false
        /// Since the start.
        var counts: [EventType: UInt64] = [:]
    }

    private let observer: String
    private let journal: EventJournal?
    private let logger: Logger
    private let state: Mutex<State>

    /// Creates a log of the node called `observer`.
    ///
    /// - Parameters:
    ///   - observer: the node's name.
    ///   - journal: the file that holds earlier events, and takes new ones.
    ///   - logger: where each event is told, too.
    init(observer: String, journal: EventJournal? = nil, logger: Logger) {
        self.observer = observer
        self.journal = journal
        self.logger = logger
        var state = State()
        state.events = journal?.events ?? []
        state.next = (state.events.last?.id ?? 0) + 1
        self.state = Mutex(state)
    }

    /// Adds an event that happened now, and tells the watchers and the log.
    func add(
        _ kind: EventReport.Kind,
        _ type: EventType,
        subject: String,
        message: String,
        details: [String: String] = [:]
    ) {
        let time = Timestamp.text(milliseconds: NodeClock.wallMilliseconds)
        let (event, watchers) = self.state.withLock { state in
            var event = EventReport(
                id: state.next,
                time: time,
                kind: kind,
                type: type.rawValue,
                subject: subject
            )
            event.observer = self.observer
            event.message = message
            event.details = details
            state.next += 1
            if state.events.count >= Self.capacity { state.events.removeFirst(Self.capacity / 10) }
            state.events.append(event)
            state.counts[type, default: 0] += 1
            // Under the lock, so that the file has them in order.
            self.journal?.append(event)
            return (event, Array(state.watchers.values))
        }
        for watcher in watchers { watcher.yield(event) }
        var facts = details.mapValues { Logger.MetadataValue.string($0) }
        facts["subject"] = .string(subject)
        self.logger.tell(type, "\(message)", facts)
    }

    /// Events after `id` as far as they are kept, then new ones; `nil` begins with new ones.
    func events(after id: UInt64?) -> AsyncStream<EventReport> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: EventReport.self,
            bufferingPolicy: .bufferingNewest(Self.capacity)
        )
        let watcher: UInt64? = self.state.withLock { state in
            guard !state.isEnded, state.watchers.count < Self.watcherLimit else { return nil }
            let watcher = (state.watchers.keys.max() ?? 0) + 1
            // A number that was never given out comes from another disk: all is news then.
            let seen = id.map { $0 < state.next ? $0 : 0 }
            let missed = seen.map { seen in state.events.filter { $0.id > seen } } ?? []
            for event in missed { continuation.yield(event) }
            state.watchers[watcher] = continuation
            return watcher
        }
        guard let watcher else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.watchers.removeValue(forKey: watcher) }
        }
        return stream
    }

    /// The last kept events that pass a test, the oldest first.
    func kept(last count: Int, where test: (EventReport) -> Bool) -> [EventReport] {
        let events = self.state.withLock { $0.events }
        return Array(events.filter(test).suffix(count))
    }

    /// Events since this process began, by type; those without any are left out.
    var counts: [EventType: UInt64] { self.state.withLock { $0.counts } }

    /// Ends every stream; later events are only kept.
    func end() {
        let watchers = self.state.withLock { state in
            state.isEnded = true
            defer { state.watchers = [:] }
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.finish() }
    }
}
