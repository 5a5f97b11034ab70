/// Partial sums of a group's weights: draws a slot in proportion to its weight in O(log n).
///
/// Source: Fenwick, "A New Data Structure for Cumulative Frequency Tables", 1994.
struct WeightSums {
    /// Counted from 1; the first place is not used.
    private let tree: UnsafeMutablePointer<Int64>
    private let count: Int
    /// The highest power of two that is not above ``count``.
    private let top: Int

    /// Sums of zeros; `room` holds `count + 1` numbers.
    init(count: Int, room: UnsafeMutablePointer<Int64>) {
        self.tree = room
        self.count = count
        self.top = count > 0 ? 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount) : 0
        room.initialize(repeating: 0, count: count + 1)
    }

    /// Changes the weight of one slot, counted from 0.
    func add(_ change: Int64, at slot: Int) {
        var place = slot + 1
        while place <= self.count {
            self.tree[place] += change
            place += place & -place
        }
    }

    /// The slot in whose part of the sum the number falls; it must be below the sum.
    @inline(__always)
    func slot(at number: Int64) -> Int {
        var place = 0
        var rest = number
        var step = self.top
        while step > 0 {
            let next = place + step
            if next <= self.count, self.tree[next] <= rest {
                place = next
                rest -= self.tree[next]
            }
            step >>= 1
        }
        return place
    }
}
