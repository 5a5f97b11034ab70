internal import Synchronization

/// Requests by status and by who answered: one writer, any number of readers, no locks.
///
/// Open addressing in rows of two words, key and count. Memory comes with the first request and
/// doubles when three quarters are used; smaller tables stay until the end, since a reader may be
/// in one, and together are no larger than the newest.
struct StatusTable: ~Copyable {
    private static let firstCapacity = 8
    /// Words before the rows: capacity, keys used, the table before.
    private static let headerCount = 3

    /// Address of the newest table, or 0.
    private let address = Atomic<UInt>(0)

    deinit {
        var next = self.address.load(ordering: .acquiring)
        while let table = UnsafeMutablePointer<UInt64>(bitPattern: next) {
            next = UInt(table[2])
            table.deallocate()
        }
    }

    /// Counts one request; writer only.
    @inline(__always)
    func add(_ status: UInt16, isGateway: Bool) {
        let key = Self.key(status, isGateway)
        let table = CounterBlock(base: self.table())
        let place = Self.find(key, in: table)
        if table.read(place) != key {
            guard (table.read(1) + 1) * 4 <= table.read(0) * 3 else {
                self.grow(from: table)
                return self.add(status, isGateway: isGateway)
            }
            table.add(place, key)
            table.add(1)
        }
        table.add(place + 1)
    }

    /// Calls `body` for every status that was counted, in no order.
    func read(_ body: (_ status: UInt16, _ isGateway: Bool, _ count: UInt64) -> Void) {
        let address = self.address.load(ordering: .acquiring)
        guard let base = UnsafeMutablePointer<UInt64>(bitPattern: address) else { return }
        let table = CounterBlock(base: base)
        for row in 0..<Int(base[0]) {
            let key = table.read(Self.headerCount + 2 * row)
            let count = table.read(Self.headerCount + 2 * row + 1)
            guard key > 0, count > 0 else { continue }
            body(UInt16(truncatingIfNeeded: key >> 1), key & 1 == 1, count)
        }
    }

    /// The status, 100 to 999, doubled, and 1 more for what the gateway answered itself.
    static func key(_ status: UInt16, _ isGateway: Bool) -> UInt64 {
        UInt64(min(max(status, 100), 999)) << 1 | (isGateway ? 1 : 0)
    }

    @inline(__always)
    private static func find(_ key: UInt64, in table: CounterBlock) -> Int {
        let mask = Int(table.base[0]) - 1
        var row = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 40) & mask
        while true {
            let place = Self.headerCount + 2 * row
            let found = table.read(place)
            if found == key || found == 0 { return place }
            row = (row + 1) & mask
        }
    }

    @inline(__always)
    private func table() -> UnsafeMutablePointer<UInt64> {
        let known = self.address.load(ordering: .relaxed)
        if let table = UnsafeMutablePointer<UInt64>(bitPattern: known) { return table }
        return self.publish(Self.make(Self.firstCapacity, before: 0))
    }

    private func grow(from old: CounterBlock) {
        let capacity = Int(old.base[0])
        let table = CounterBlock(
            base: Self.make(2 * capacity, before: UInt(bitPattern: old.base))
        )
        for row in 0..<capacity {
            let place = Self.headerCount + 2 * row
            let key = old.read(place)
            guard key > 0 else { continue }
            let new = Self.find(key, in: table)
            table.add(new, key)
            table.add(new + 1, old.read(place + 1))
            table.add(1)
        }
        _ = self.publish(table.base)
    }

    private func publish(_ table: UnsafeMutablePointer<UInt64>) -> UnsafeMutablePointer<UInt64> {
        self.address.store(UInt(bitPattern: table), ordering: .releasing)
        return table
    }

    private static func make(_ capacity: Int, before: UInt) -> UnsafeMutablePointer<UInt64> {
        let count = Self.headerCount + 2 * capacity
        let table = CounterBlock.allocate(count).base
        table[0] = UInt64(capacity)
        table[2] = UInt64(before)
        return table
    }
}
