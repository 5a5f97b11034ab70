internal import CMeshSystem
internal import MeshPlugins
internal import MeshPrimitives
internal import Synchronization

/// Counts that a Redis is told every so many milliseconds, and what it answered last.
///
/// Workers count at once by what is known here; as in Kong, what others count meanwhile is not seen, and
/// a Redis that is away changes nothing but that.
final class RedisTable: NamedWindowCounting {
    /// Most windows that are told; further ones are counted here alone.
    private static let windowLimit = 262_144

    /// Whom it is told.
    let target: RedisTarget
    private let milliseconds: Int64
    private let counters = FleetCounters()
    private let names = Mutex<[UInt64: Named]>([:])
    /// Touched by the thread that keeps it in step only.
    private nonisolated(unsafe) var lastSync: Int64 = 0
    private nonisolated(unsafe) var waiting: [UInt64: FleetCounters.Count] = [:]

    private struct Named {
        let window: RedisWindow
        let end: UInt32
        /// How much of this node's count Redis knows.
        var told: UInt32 = 0
    }

    init(_ target: RedisTarget, _ milliseconds: Int64) {
        self.target = target
        self.milliseconds = milliseconds
    }

    func take(
        _ window: LimitWindow,
        limit: UInt32,
        at now: Int64,
        name: () -> RedisWindow
    ) -> (before: UInt32, isTaken: Bool) {
        let taken = self.counters.takeOwn(window, limit: limit, at: now)
        if taken.own == 0 {
            let named = Named(window: name(), end: window.end)
            self.names.withLock { names in
                guard names[window.key]?.end != window.end, names.count < Self.windowLimit else {
                    return
                }
                names[window.key] = named
            }
        }
        return (taken.before, taken.own != nil)
    }

    func count(in window: LimitWindow, at now: Int64) -> UInt32 {
        self.counters.count(in: window, at: now)
    }

    func giveBack(_ window: LimitWindow, at now: Int64) {
        self.counters.giveBack(window, at: now)
    }

    /// Tells Redis what was counted since the last time, when it is time.
    func sync(over link: RedisLink) {
        let now = mesh_clock_nanoseconds() / 1_000_000
        guard now - self.lastSync >= self.milliseconds else { return }
        self.lastSync = now
        self.counters.takeCounted { self.waiting[$0.window.key] = $0 }
        let wall = mesh_clock_wall_milliseconds()
        self.names.withLock { names in
            names = names.filter { Int64($0.value.end) * 1_000 + 60_000 > wall }
        }
        for batch in self.batches() {
            let commands = batch.map { RedisCommands.add($0.amount, to: $0.name) }
            // What could not be told is told with the next.
            guard let replies = link.ask(commands) else { return }
            for (change, reply) in zip(batch, replies) { self.learn(change, reply, wall) }
        }
    }

    private struct Change {
        let count: FleetCounters.Count
        let name: RedisWindow
        let amount: UInt32
    }

    private func batches() -> [[Change]] {
        let names = self.names.withLock { $0 }
        var changes: [Change] = []
        for (key, count) in self.waiting {
            guard let named = names[key], named.end == count.window.end, count.own > named.told
            else {
                self.waiting[key] = nil
                continue
            }
            changes.append(
                Change(count: count, name: named.window, amount: count.own - named.told)
            )
        }
        return stride(from: 0, to: changes.count, by: 256).map { start in
            Array(changes[start..<min(start + 256, changes.count)])
        }
    }

    private func learn(_ change: Change, _ reply: RedisReply, _ wall: Int64) {
        let key = change.count.window.key
        self.waiting[key] = nil
        guard case .integer(let sum) = reply else { return }
        self.names.withLock { $0[key]?.told = change.count.own }
        var standing = CounterStanding()
        standing.others = UInt32(clamping: max(0, sum - Int64(change.count.own)))
        standing.ownThen = change.count.own
        standing.learnedAt = wall
        self.counters.publish(standing, of: change.count.window)
    }
}
