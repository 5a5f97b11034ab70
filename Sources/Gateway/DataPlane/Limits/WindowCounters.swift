internal import MeshPlugins
internal import Synchronization

/// Counts of limits that hold for this node: all workers count together.
final class WindowCounters: WindowCounting {
    private let slots: CounterSlots

    /// Creates counters.
    ///
    /// - Parameter shardCount: rounded up to a power of two; each takes 64 KiB once in use (256, so
    ///   at most 16 MiB for a million counters).
    init(shardCount: Int = 256) { self.slots = CounterSlots(shardCount: shardCount, stride: 2) }

    func count(in window: LimitWindow, at now: Int64) -> UInt32 {
        guard let words = self.slots.find(window.key)?.words else { return 0 }
        let value = words[1].load(ordering: .relaxed)
        return CounterSlots.end(of: value) == window.end ? CounterSlots.count(of: value) : 0
    }

    func take(
        _ window: LimitWindow,
        limit: UInt32,
        at now: Int64
    ) -> (before: UInt32, isTaken: Bool) {
        guard let words = self.slots.place(window.key, at: now)?.words else {
            return (0, limit > 0)
        }
        return Self.update(words, window) { $0 < limit ? $0 + 1 : nil }
    }

    func add(_ amount: UInt32, to window: LimitWindow, limit: UInt32, at now: Int64) {
        guard let words = self.slots.place(window.key, at: now)?.words else { return }
        _ = Self.update(words, window) { count in
            let (sum, isTooLarge) = count.addingReportingOverflow(amount)
            return isTooLarge ? .max : sum
        }
    }

    func giveBack(_ window: LimitWindow, at now: Int64) {
        guard let words = self.slots.find(window.key)?.words else { return }
        _ = Self.update(words, window) { $0 > 0 ? $0 - 1 : nil }
    }

    private static func update(
        _ words: CounterSlots.Words,
        _ window: LimitWindow,
        _ change: (UInt32) -> UInt32?
    ) -> (before: UInt32, isTaken: Bool) {
        var known = words[1].load(ordering: .relaxed)
        while true {
            let isSame = CounterSlots.end(of: known) == window.end
            let before = isSame ? CounterSlots.count(of: known) : 0
            guard let after = change(before) else { return (before, false) }
            let result = words[1].weakCompareExchange(
                expected: known,
                desired: CounterSlots.value(end: window.end, count: after),
                ordering: .relaxed
            )
            if result.exchanged { return (before, true) }
            known = result.original
        }
    }
}
