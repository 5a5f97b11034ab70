public import MeshPlugins
public import MeshPrimitives
internal import Synchronization

/// Counts of limits that hold for the whole fleet, as this node knows them.
///
/// Workers count here at once, by what was last told of the others; whoever talks to other nodes takes
/// what was counted, and publishes what they say. Neither waits for the other.
///
///     a slot:  key | end, own | others, own then | end, sharers, pace, when | limit
public final class FleetCounters: WindowCounting {
    /// One window that was counted in.
    public struct Count: Sendable {
        /// Which one.
        public let window: LimitWindow
        /// What this node has counted in it so far.
        public let own: UInt32
        /// What all nodes may count together.
        public let limit: UInt32
    }

    private let slots: CounterSlots
    /// A bit for every slot that was counted in since somebody took it.
    private let marks: AtomicWords
    /// Whether any of them may be set, so that a node that counts nothing looks at none.
    private let isMarked = Atomic(false)
    private let bell = Mutex<(@Sendable () -> Void)?>(nil)

    /// Creates counters.
    ///
    /// - Parameter shardCount: rounded up to a power of two; each takes 160 KiB once in use (64, so at
    ///   most 10 MiB for 262,144 counters).
    init(shardCount: Int = 64) {
        self.slots = CounterSlots(shardCount: shardCount, stride: 5)
        self.marks = AtomicWords(count: self.slots.shardCount * CounterSlots.shardSlots / 64)
    }

    /// How many have been counted, with what others are likely to have counted meanwhile.
    public func count(in window: LimitWindow, at now: Int64) -> UInt32 {
        guard let words = self.slots.find(window.key)?.words else { return 0 }
        let (end, own) = Self.own(words[1].load(ordering: .relaxed), window)
        return Self.standing(words, end, now).estimate(own: own, at: now)
    }

    /// Counts one more if that is within the limit, as far as is known here.
    public func take(
        _ window: LimitWindow,
        limit: UInt32,
        at now: Int64
    ) -> (before: UInt32, isTaken: Bool) {
        let taken = self.takeOwn(window, limit: limit, at: now)
        return (taken.before, taken.own != nil)
    }

    /// The same, with what this node itself had counted before; nil when this one was not.
    func takeOwn(
        _ window: LimitWindow,
        limit: UInt32,
        at now: Int64
    ) -> (before: UInt32, own: UInt32?) {
        guard limit > 0, let slot = self.slots.place(window.key, at: now) else {
            return (0, limit > 0 ? 0 : nil)
        }
        var known = slot.words[1].load(ordering: .relaxed)
        while true {
            let (end, own) = Self.own(known, window)
            let standing = Self.standing(slot.words, end, now)
            guard standing.allows(own: own, limit: limit, at: now) else { return (limit, nil) }
            let result = slot.words[1].weakCompareExchange(
                expected: known,
                desired: CounterSlots.value(end: end, count: own + 1),
                ordering: .relaxed
            )
            if result.exchanged {
                self.mark(slot, limit)
                return (min(standing.estimate(own: own, at: now), limit - 1), own)
            }
            known = result.original
        }
    }

    /// Counts some more, whatever comes of it.
    public func add(_ amount: UInt32, to window: LimitWindow, limit: UInt32, at now: Int64) {
        guard let slot = self.slots.place(window.key, at: now) else { return }
        self.change(slot.words, window) { own in
            let (sum, isTooLarge) = own.addingReportingOverflow(amount)
            return isTooLarge ? .max : sum
        }
        self.mark(slot, limit)
    }

    /// Takes one back that was taken in the window.
    public func giveBack(_ window: LimitWindow, at now: Int64) {
        guard let slot = self.slots.find(window.key) else { return }
        self.change(slot.words, window) { $0 > 0 ? $0 - 1 : 0 }
    }

    private func change(
        _ words: CounterSlots.Words,
        _ window: LimitWindow,
        _ change: (UInt32) -> UInt32
    ) {
        var known = words[1].load(ordering: .relaxed)
        while true {
            let (end, own) = Self.own(known, window)
            let result = words[1].weakCompareExchange(
                expected: known,
                desired: CounterSlots.value(end: end, count: change(own)),
                ordering: .relaxed
            )
            if result.exchanged { return }
            known = result.original
        }
    }

    /// The window at hand and its count: a worker whose clock is a little behind counts in the one
    /// that has begun.
    private static func own(_ value: UInt64, _ window: LimitWindow) -> (end: UInt32, own: UInt32) {
        let end = CounterSlots.end(of: value)
        return end >= window.end ? (end, CounterSlots.count(of: value)) : (window.end, 0)
    }

    private func mark(_ slot: (index: Int, words: CounterSlots.Words), _ limit: UInt32) {
        if slot.words[4].load(ordering: .relaxed) != UInt64(limit) {
            slot.words[4].store(UInt64(limit), ordering: .relaxed)
        }
        let bit = UInt64(1) << UInt64(slot.index % 64)
        let word = self.marks[slot.index / 64]
        if word.pointee.load(ordering: .relaxed) & bit == 0 {
            word.pointee.bitwiseOr(bit, ordering: .relaxed)
            // After the bit, and always: who takes marks clears this one first.
            let wasMarked = self.isMarked.exchange(true, ordering: .acquiringAndReleasing)
            if !wasMarked { self.bell.withLock(\.self)?() }
        }
    }

    /// Calls `ring` from now on when something is counted for the first time since it was taken.
    public func onCounted(_ ring: @escaping @Sendable () -> Void) {
        self.bell.withLock { $0 = ring }
    }

    /// Hands over every window that was counted in since the last call.
    public func takeCounted(_ body: (Count) -> Void) {
        guard self.isMarked.exchange(false, ordering: .acquiringAndReleasing) else { return }
        for index in 0..<self.marks.count
        where self.marks[index].pointee.load(ordering: .relaxed) != 0 {
            var bits = self.marks[index].pointee.exchange(0, ordering: .acquiringAndReleasing)
            while bits != 0 {
                let slot = index * 64 + bits.trailingZeroBitCount
                bits &= bits - 1
                guard let words = self.slots.slot(slot) else { continue }
                let key = words[0].load(ordering: .relaxed)
                let value = words[1].load(ordering: .relaxed)
                let limit = UInt32(truncatingIfNeeded: words[4].load(ordering: .relaxed))
                guard CounterSlots.count(of: value) > 0 else { continue }
                body(
                    Count(
                        window: LimitWindow(key: key, end: Int64(CounterSlots.end(of: value))),
                        own: CounterSlots.count(of: value),
                        limit: limit
                    )
                )
            }
        }
    }

    /// Tells the workers what was learned of others.
    public func publish(_ standing: CounterStanding, of window: LimitWindow) {
        guard let words = self.slots.find(window.key)?.words else { return }
        words[2].store(
            UInt64(standing.others) << 32 | UInt64(standing.ownThen),
            ordering: .relaxed
        )
        let pace = UInt64(min(max(0, standing.pace * Self.paceUnit), 65_535).rounded(.up))
        let when = UInt64(bitPattern: standing.learnedAt) & Self.whenMask
        words[3].store(
            UInt64(window.end & 0xFFFF) << 48 | UInt64(min(standing.sharers, 255)) << 40
                | pace << 24 | when,
            ordering: .relaxed
        )
    }

    /// Parts of one per millisecond that a pace is kept in.
    private static let paceUnit = 64.0
    /// A moment is kept to about four hours and a half.
    private static let whenMask: UInt64 = 0xFF_FFFF

    /// What is known of others in a window.
    ///
    /// Both words are read by themselves: a mixture of two
    /// tellings is as good as the older one.
    private static func standing(
        _ words: CounterSlots.Words,
        _ end: UInt32,
        _ now: Int64
    ) -> CounterStanding {
        let facts = words[3].load(ordering: .relaxed)
        guard facts != 0 else { return CounterStanding() }
        let sums = words[2].load(ordering: .relaxed)
        var standing = CounterStanding()
        let elapsed = (UInt64(bitPattern: now) &- facts) & Self.whenMask
        standing.learnedAt = now - Int64(elapsed)
        standing.pace = Double(facts >> 24 & 0xFFFF) / Self.paceUnit
        standing.sharers = UInt16(facts >> 40 & 0xFF)
        guard UInt32(facts >> 48) == end & 0xFFFF else { return standing.next(at: now) }
        standing.others = UInt32(truncatingIfNeeded: sums >> 32)
        standing.ownThen = UInt32(truncatingIfNeeded: sums)
        return standing
    }
}
