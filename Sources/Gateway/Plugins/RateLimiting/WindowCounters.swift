import Synchronization

/// How often something happened within windows of time, counted by all workers of a node together.
///
/// A table of two words per counter: a keyed hash of what is counted, and the window's end beside the
/// count. Nothing is locked, nothing is allocated once a shard is in use, and memory is bounded by
/// the number of slots. A counter has its place among ``width`` neighbours; when all are taken by
/// windows that still run, the smallest count makes room, since it has the least to lose.
///
/// Two threads that make room in the same place at the same moment may carry one count over to a key
/// it does not belong to; never is one lost from a counter that stays.
public final class WindowCounters: Sendable {
    /// Places where a key may stand.
    private static let width = 8
    /// Slots of one shard: 64 KiB.
    private static let shardSlots = 4_096
    /// How often a place is looked for anew when another thread was faster.
    private static let rounds = 64

    /// Made when a key first falls into one.
    private let shards: Shards
    private let shardMask: UInt64

    /// Creates a table without counters.
    ///
    /// - Parameter shardCount: rounded up to a power of two; each takes 64 KiB once in use (256, so
    ///   at most 16 MiB for a million counters).
    public init(shardCount: Int = 256) {
        var count = 1
        while count < min(shardCount, 65_536) { count *= 2 }
        self.shards = Shards(count: count)
        self.shardMask = UInt64(count - 1)
    }

    /// One window of one thing that is counted.
    struct Window: Equatable {
        /// A keyed hash of what is counted, not 0.
        let key: UInt64
        /// Seconds since 1970.
        let end: UInt32

        init(key: UInt64, end: Int64) {
            self.key = key == 0 ? 1 : key
            self.end = UInt32(clamping: end)
        }
    }

    /// How many were counted in the window.
    func count(in window: Window) -> UInt32 {
        let words = self.words(for: window.key)
        let first = Self.first(of: window.key)
        for index in first..<(first + Self.width)
        where words[index * 2].pointee.load(ordering: .relaxed) == window.key {
            let value = words[index * 2 + 1].pointee.load(ordering: .relaxed)
            return Self.end(of: value) == window.end ? Self.count(of: value) : 0
        }
        return 0
    }

    /// Counts one more unless the limit is reached; `now` is in seconds since 1970.
    ///
    /// - Returns: how many were counted before, and whether this one was.
    func take(
        _ window: Window,
        limit: UInt32,
        at now: Int64
    ) -> (before: UInt32, isTaken: Bool) {
        guard let word = self.place(of: window.key, at: now) else { return (0, limit > 0) }
        return Self.update(word, window) { $0 < limit ? $0 + 1 : nil }
    }

    /// Counts some more, whatever comes of it; returns how many there are then.
    @discardableResult
    func add(_ amount: UInt32, to window: Window, at now: Int64) -> UInt32 {
        guard let word = self.place(of: window.key, at: now) else { return amount }
        let before = Self.update(word, window) { count in
            let (sum, isTooLarge) = count.addingReportingOverflow(amount)
            return isTooLarge ? .max : sum
        }.before
        let (sum, isTooLarge) = before.addingReportingOverflow(amount)
        return isTooLarge ? .max : sum
    }

    /// Takes one back that was taken in the window.
    func giveBack(_ window: Window, at now: Int64) {
        guard let word = self.place(of: window.key, at: now) else { return }
        _ = Self.update(word, window) { $0 > 0 ? $0 - 1 : nil }
    }

    private static func update(
        _ word: UnsafeMutablePointer<Atomic<UInt64>>,
        _ window: Window,
        _ change: (UInt32) -> UInt32?
    ) -> (before: UInt32, isTaken: Bool) {
        var known = word.pointee.load(ordering: .relaxed)
        while true {
            let before = Self.end(of: known) == window.end ? Self.count(of: known) : 0
            guard let after = change(before) else { return (before, false) }
            let result = word.pointee.weakCompareExchange(
                expected: known,
                desired: UInt64(window.end) << 32 | UInt64(after),
                ordering: .relaxed
            )
            if result.exchanged { return (before, true) }
            known = result.original
        }
    }

    /// The value word of a key, which gets a place when it has none; nil when others were faster in
    /// every round.
    private func place(
        of key: UInt64,
        at now: Int64
    ) -> UnsafeMutablePointer<Atomic<UInt64>>? {
        let words = self.words(for: key)
        let first = Self.first(of: key)
        for _ in 0..<Self.rounds {
            var free: Int?
            for index in first..<(first + Self.width) {
                let known = words[index * 2].pointee.load(ordering: .relaxed)
                if known == key { return words[index * 2 + 1] }
                if known == 0, free == nil { free = index }
            }
            let index = free ?? Self.victim(words, first, now)
            guard let index, self.claim(words, index, for: key) else { continue }
            return words[index * 2 + 1]
        }
        return nil
    }

    /// Puts a key in a place whose count is taken away first, so that nobody finds the key beside a
    /// count that is not its own.
    private func claim(_ words: AtomicWords, _ index: Int, for key: UInt64) -> Bool {
        let known = words[index * 2].pointee.load(ordering: .relaxed)
        guard known != key else { return false }
        if known != 0 {
            let value = words[index * 2 + 1].pointee.load(ordering: .relaxed)
            let isTaken = words[index * 2 + 1].pointee.compareExchange(
                expected: value,
                desired: 0,
                ordering: .acquiringAndReleasing
            ).exchanged
            guard isTaken else { return false }
        }
        return words[index * 2].pointee.compareExchange(
            expected: known,
            desired: key,
            ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// The place whose window is over, or that has counted least.
    private static func victim(_ words: AtomicWords, _ first: Int, _ now: Int64) -> Int? {
        var best: (index: Int, count: UInt32)?
        for index in first..<(first + Self.width) {
            let value = words[index * 2 + 1].pointee.load(ordering: .relaxed)
            if Int64(Self.end(of: value)) <= now { return index }
            let count = Self.count(of: value)
            if best.map({ count < $0.count }) ?? true { best = (index, count) }
        }
        return best?.index
    }

    private func words(for key: UInt64) -> AtomicWords {
        self.shards[Int(truncatingIfNeeded: key & self.shardMask), words: Self.shardSlots * 2]
    }

    private static func first(of key: UInt64) -> Int {
        Int(truncatingIfNeeded: key >> 32 % UInt64(Self.shardSlots / Self.width)) * Self.width
    }

    private static func end(of value: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: value >> 32) }

    private static func count(of value: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: value) }
}

/// Stretches of words that come into being when they are first asked for; from any thread.
private final class Shards: Sendable {
    private let pointers: AtomicWords

    init(count: Int) { self.pointers = AtomicWords(count: count) }

    deinit {
        for index in 0..<self.pointers.count {
            Self.object(self.pointers[index].pointee.load(ordering: .acquiring))?.release()
        }
    }

    subscript(index: Int, words wordCount: Int) -> AtomicWords {
        let word = self.pointers[index]
        if let known = Self.object(word.pointee.load(ordering: .acquiring)) {
            return known.takeUnretainedValue()
        }
        let fresh = Unmanaged.passRetained(AtomicWords(count: wordCount))
        let result = word.pointee.compareExchange(
            expected: 0,
            desired: UInt64(UInt(bitPattern: fresh.toOpaque())),
            ordering: .acquiringAndReleasing
        )
        guard !result.exchanged, let other = Self.object(result.original) else {
            return fresh.takeUnretainedValue()
        }
        fresh.release()
        return other.takeUnretainedValue()
    }

    private static func object(_ word: UInt64) -> Unmanaged<AtomicWords>? {
        UnsafeRawPointer(bitPattern: UInt(word)).map(Unmanaged.fromOpaque)
    }
}
