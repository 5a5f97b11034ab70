/// News to pass on: one entry per key, each sent a bounded number of times, fewest sent first.
struct BroadcastQueue: Sendable {
    private struct Item: Sendable {
        let key: RecordKey
        let order: UInt64
        var sends: Int
    }

    private let limit: Int
    private var items: [RecordKey: Item] = [:]
    private var nextOrder: UInt64 = 0

    /// Creates an empty queue for at most `limit` keys.
    init(limit: Int) { self.limit = limit }

    /// Whether nothing waits.
    var isEmpty: Bool { self.items.isEmpty }
    /// Keys that wait.
    var count: Int { self.items.count }

    /// Adds a key, or starts it over when its record changed.
    ///
    /// When full, the key that was sent most often makes room: anti-entropy and the next renewal
    /// bring what the push loses.
    mutating func insert(_ key: RecordKey, sends: Int = 0) {
        if self.items[key] == nil, self.items.count >= self.limit,
            let victim = self.items.values.max(by: Self.isSooner)
        {
            self.items[victim.key] = nil
        }
        self.items[key] = Item(key: key, order: self.nextOrder, sends: sends)
        self.nextOrder += 1
    }

    /// Takes what one datagram of `byteCount` bytes holds and counts it as sent.
    ///
    /// Durable kinds may fill three fifths while others wait, so that neither starves the other;
    /// what one class leaves, the other takes. A key sent `sendLimit` times leaves the queue.
    ///
    /// - Parameters:
    ///   - byteCount: room in the datagram.
    ///   - sendLimit: how often each key is sent.
    ///   - skipped: keys the same peer was sent in this tick; those packed are added.
    ///   - table: where the records are.
    /// - Returns: the parcel; empty when nothing waits or fits.
    mutating func pack(
        byteCount: Int,
        sendLimit: Int,
        skipping skipped: inout Set<RecordKey>,
        from table: RecordTable
    ) -> Parcel {
        let waiting = self.items.values.filter { !skipped.contains($0.key) }
            .sorted(by: Self.isSooner)
        let others = waiting.filter { !$0.key.kind.isDurable }
        let reserve = others.isEmpty ? 0 : byteCount * 2 / 5
        var parcel = Parcel(byteCount: byteCount)
        var packed: [Item] = []
        var left: [Item] = []
        for item in waiting where item.key.kind.isDurable {
            let isIn = self.add(item, to: &parcel, leaving: reserve, from: table)
            if isIn { packed.append(item) } else { left.append(item) }
        }
        for item in others + left where self.add(item, to: &parcel, leaving: 0, from: table) {
            packed.append(item)
        }
        for item in packed {
            skipped.insert(item.key)
            self.count(item, upTo: sendLimit)
        }
        return parcel
    }

    private mutating func add(
        _ item: Item,
        to parcel: inout Parcel,
        leaving reserve: Int,
        from table: RecordTable
    ) -> Bool {
        guard let entry = table[item.key] else {
            self.items[item.key] = nil
            return false
        }
        return parcel.add(entry, leaving: reserve)
    }

    private mutating func count(_ item: Item, upTo limit: Int) {
        if item.sends + 1 >= limit {
            self.items[item.key] = nil
        } else {
            self.items[item.key]?.sends += 1
        }
    }

    private static func isSooner(_ left: Item, _ right: Item) -> Bool {
        (left.sends, left.order) < (right.sends, right.order)
    }
}
