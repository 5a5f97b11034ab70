internal import MeshEntities
internal import MeshPlugins
internal import Synchronization

/// One worker's counters of one route by consumer, where a plugin wants them.
///
/// They are bounded together with those of all other routes and workers of this process: what has no room
/// is counted under the name `other`, so that no count ever moves from one name to another.
final class ConsumerCells: Sendable {
    /// What the requests under one name cost.
    struct Tally {
        /// By ``StatusTable/key(_:_:)``.
        var statuses: [UInt64: UInt64] = [:]
        var ingress: UInt64 = 0
        var egress: UInt64 = 0

        mutating func add(_ other: Tally) {
            self.statuses.merge(other.statuses, uniquingKeysWith: &+)
            self.ingress &+= other.ingress
            self.egress &+= other.egress
        }

        fileprivate mutating func add(_ status: UInt64, _ record: RequestRecord) {
            self.statuses[status, default: 0] &+= 1
            self.ingress &+= record.received
            self.egress &+= record.returned
        }
    }

    /// Counts a limit down and up again.
    final class Room: Sendable {
        /// That of this process: statuses under names of consumers.
        static let shared = Room(limit: 10_000)

        private let limit: Int
        private let used = Atomic<Int>(0)

        init(limit: Int) { self.limit = limit }

        fileprivate func take() -> Bool {
            guard self.used.load(ordering: .relaxed) < self.limit else { return false }
            guard self.used.add(1, ordering: .relaxed).newValue > self.limit else { return true }
            self.give(1)
            return false
        }

        fileprivate func give(_ count: Int) { self.used.subtract(count, ordering: .relaxed) }
    }

    private struct State {
        var tallies: [String: Tally] = [:]
        var other = Tally()
        /// How much room is taken.
        var taken = 0
    }

    /// What those are called that have no room.
    static let otherName = "other"

    private let room: Room
    private let state = Mutex(State())

    init(room: Room = .shared) { self.room = room }

    deinit { self.room.give(self.state.withLock { $0.taken }) }

    /// Counts a finished request under the name that its consumer is shown by.
    func add(_ consumer: ConsumerEntry, _ record: RequestRecord) {
        self.add(consumer.username ?? consumer.customID ?? consumer.id.description, record)
    }

    /// Counts a finished request under a name.
    func add(_ name: String, _ record: RequestRecord) {
        let status = StatusTable.key(record.status, record.upstreamNanoseconds == nil)
        self.state.withLock { state in
            if state.tallies[name]?.statuses[status] == nil {
                guard !name.isEmpty, name != Self.otherName, self.room.take() else {
                    return state.other.add(status, record)
                }
                state.taken += 1
            }
            state.tallies[name, default: Tally()].add(status, record)
        }
    }

    /// Adds all to sums by name; within the lock, since with a copy about the worker would have to copy too.
    func read(into sums: inout [String: Tally]) {
        self.state.withLock { state in
            for (name, tally) in state.tallies { sums[name, default: Tally()].add(tally) }
            guard !state.other.statuses.isEmpty else { return }
            sums[Self.otherName, default: Tally()].add(state.other)
        }
    }
}
