/// A dictionary that forgets the oldest insertions beyond a bound.
struct RecentMap<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Slot: Sendable {
        let value: Value
        let order: Int
    }

    private let limit: Int
    private var slots: [Key: Slot] = [:]
    private var queue: [(key: Key, order: Int)] = []
    private var head = 0
    private var nextOrder = 0

    /// Creates an empty map of at most `limit` keys.
    init(limit: Int) { self.limit = limit }

    /// Keys held.
    var count: Int { self.slots.count }

    /// The value of a key, if it is held still.
    subscript(key: Key) -> Value? { self.slots[key]?.value }

    /// Puts in or renews a key.
    mutating func insert(_ value: Value, for key: Key) {
        self.slots[key] = Slot(value: value, order: self.nextOrder)
        self.queue.append((key, self.nextOrder))
        self.nextOrder += 1
        while self.slots.count > self.limit || self.queue.count - self.head > 2 * self.limit {
            self.dropOldest()
        }
    }

    /// Takes a key out.
    mutating func remove(_ key: Key) { self.slots[key] = nil }

    private mutating func dropOldest() {
        let oldest = self.queue[self.head]
        if self.slots[oldest.key]?.order == oldest.order { self.slots[oldest.key] = nil }
        self.head += 1
        if self.head > self.limit {
            self.queue.removeFirst(self.head)
            self.head = 0
        }
    }
}
