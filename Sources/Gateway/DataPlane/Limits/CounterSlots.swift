internal import Synchronization

/// A table of counters by key that any thread reads and changes: nothing is locked, nothing is
/// allocated once a shard is in use, and memory is bounded by the number of slots.
///
/// A slot is a few words: a keyed hash of what is counted, the window's end beside the count, and what
/// else whoever uses the table keeps of it. A key has its place among ``width`` neighbours; when all are
/// taken by windows that still run, the smallest count makes room, since it has the least to lose.
///
/// Two threads that make room in the same place at the same moment may carry one count over to a key
/// it does not belong to; never is one lost from a counter that stays.
final class CounterSlots: Sendable {
    typealias Words = UnsafeMutablePointer<Atomic<UInt64>>

    /// Places where a key may stand.
    private static let width = 8
    /// Slots of one shard.
    static let shardSlots = 4_096
    /// How often a place is looked for anew when another thread was faster.
    private static let rounds = 64

    /// Words of a slot: the key, the value, and others that are 0 when a key takes its place.
    let stride: Int
    /// Made when a key first falls into one.
    private let shards: Shards
    private let shardMask: UInt64

    /// Creates a table without counters.
    ///
    /// - Parameters:
    ///   - shardCount: rounded up to a power of two; each takes 4,096 slots of `stride` words of 8 bytes
    ///     once in use.
    ///   - stride: at least 2.
    init(shardCount: Int, stride: Int) {
        var count = 1
        while count < min(shardCount, 65_536) { count *= 2 }
        self.stride = stride
        self.shards = Shards(count: count, wordCount: Self.shardSlots * stride)
        self.shardMask = UInt64(count - 1)
    }

    /// How many shards there are at most.
    var shardCount: Int { Int(self.shardMask) + 1 }

    /// The number of a key's slot among all, and its words; nil when the key has none.
    func find(_ key: UInt64) -> (index: Int, words: Words)? {
        let shard = Int(truncatingIfNeeded: key & self.shardMask)
        guard let words = self.shards.known(shard) else { return nil }
        let first = Self.first(of: key)
        for index in first..<(first + Self.width)
        where words[index * self.stride].load(ordering: .relaxed) == key {
            return (shard * Self.shardSlots + index, words + index * self.stride)
        }
        return nil
    }

    /// The slot of a key, which gets one when it has none; nil when others were faster in every round.
    ///
    /// `now` is in milliseconds since 1970.
    func place(_ key: UInt64, at now: Int64) -> (index: Int, words: Words)? {
        let shard = Int(truncatingIfNeeded: key & self.shardMask)
        let words = self.shards[shard]
        let first = Self.first(of: key)
        for _ in 0..<Self.rounds {
            var free: Int?
            for index in first..<(first + Self.width) {
                let known = words[index * self.stride].load(ordering: .relaxed)
                if known == key {
                    return (shard * Self.shardSlots + index, words + index * self.stride)
                }
                if known == 0, free == nil { free = index }
            }
            let index = free ?? self.victim(words, first, now / 1_000)
            guard let index, self.claim(words, index, for: key) else { continue }
            return (shard * Self.shardSlots + index, words + index * self.stride)
        }
        return nil
    }

    /// The words of a slot by its number; nil when its shard was never used.
    func slot(_ index: Int) -> Words? {
        self.shards.known(index / Self.shardSlots).map {
            $0 + index % Self.shardSlots * self.stride
        }
    }

    /// Puts a key in a place whose count is taken away first, so that nobody finds the key beside a
    /// count that is not its own.
    private func claim(_ words: Words, _ index: Int, for key: UInt64) -> Bool {
        let base = index * self.stride
        let known = words[base].load(ordering: .relaxed)
        guard known != key else { return false }
        if known != 0 {
            let value = words[base + 1].load(ordering: .relaxed)
            let isTaken = words[base + 1].compareExchange(
                expected: value,
                desired: 0,
                ordering: .acquiringAndReleasing
            ).exchanged
            guard isTaken else { return false }
            for offset in 2..<max(2, self.stride) {
                words[base + offset].store(0, ordering: .relaxed)
            }
        }
        return words[base].compareExchange(
            expected: known,
            desired: key,
            ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// The place whose window is over, or that has counted least.
    private func victim(_ words: Words, _ first: Int, _ second: Int64) -> Int? {
        var best: (index: Int, count: UInt32)?
        for index in first..<(first + Self.width) {
            let value = words[index * self.stride + 1].load(ordering: .relaxed)
            if Int64(Self.end(of: value)) <= second { return index }
            let count = Self.count(of: value)
            if best.map({ count < $0.count }) ?? true { best = (index, count) }
        }
        return best?.index
    }

    private static func first(of key: UInt64) -> Int {
        Int(truncatingIfNeeded: key >> 32 % UInt64(Self.shardSlots / Self.width)) * Self.width
    }

    /// The end of the window that a value is of.
    static func end(of value: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: value >> 32) }

    /// What a value has counted.
    static func count(of value: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: value) }

    /// A value.
    static func value(end: UInt32, count: UInt32) -> UInt64 { UInt64(end) << 32 | UInt64(count) }
}

/// Stretches of words, all of one length, that come into being when they are first asked for; from
/// any thread.
private final class Shards: Sendable {
    /// Addresses, so that finding a word counts no references.
    private let addresses: AtomicWords
    private let wordCount: Int

    init(count: Int, wordCount: Int) {
        self.addresses = AtomicWords(count: count)
        self.wordCount = wordCount
    }

    deinit {
        for index in 0..<self.addresses.count {
            guard let words = self.known(index) else { continue }
            words.deinitialize(count: self.wordCount)
            words.deallocate()
        }
    }

    func known(_ index: Int) -> CounterSlots.Words? {
        CounterSlots.Words(
            bitPattern: UInt(self.addresses[index].pointee.load(ordering: .acquiring))
        )
    }

    subscript(index: Int) -> CounterSlots.Words { self.known(index) ?? self.make(index) }

    private func make(_ index: Int) -> CounterSlots.Words {
        let fresh = CounterSlots.Words.allocate(capacity: self.wordCount)
        for place in 0..<self.wordCount { (fresh + place).initialize(to: Atomic(0)) }
        let result = self.addresses[index].pointee.compareExchange(
            expected: 0,
            desired: UInt64(UInt(bitPattern: fresh)),
            ordering: .acquiringAndReleasing
        )
        guard !result.exchanged,
            let other = CounterSlots.Words(bitPattern: UInt(result.original))
        else { return fresh }
        fresh.deinitialize(count: self.wordCount)
        fresh.deallocate()
        return other
    }
}
