/// Slots of one group in the order they are due: a binary heap whose members know their places.
///
/// Every change costs O(log n). A list without order is filled and emptied in O(1).
struct SlotList {
    /// What comes first.
    enum Order {
        /// Nothing.
        case none
        /// Who is due next by round robin.
        case turn
        /// The fewest requests in flight for the weight.
        case load
    }

    private let order: Order
    private let slots: UnsafeMutablePointer<BalancerSlot>
    /// Room for all slots of the group.
    private let members: UnsafeMutablePointer<Int32>
    /// How many slots are in the list.
    private(set) var count = 0

    /// An empty list.
    init(
        order: Order,
        slots: UnsafeMutablePointer<BalancerSlot>,
        room: UnsafeMutablePointer<Int32>
    ) {
        self.order = order
        self.slots = slots
        self.members = room
    }

    /// The slot at a position.
    @inline(__always)
    subscript(position: Int) -> Int { Int(self.members[position]) }

    /// The first slot, or -1.
    @inline(__always)
    var first: Int { self.count > 0 ? Int(self.members[0]) : -1 }

    /// The first slot that was not tried, or -1; linear in the number of tried ones.
    func first(without tried: TriedTargets) -> Int {
        if tried.isEmpty { return self.first }
        return self.first(under: 0, without: tried)
    }

    /// No member of a heap comes before the one above it, so only tried ones are looked behind.
    private func first(under position: Int, without tried: TriedTargets) -> Int {
        guard position < self.count else { return -1 }
        let slot = Int(self.members[position])
        guard tried.contains(Int(self.slots[slot].index)) else { return slot }
        let left = self.first(under: 2 * position + 1, without: tried)
        let right = self.first(under: 2 * position + 2, without: tried)
        guard left >= 0, right >= 0 else { return max(left, right) }
        return self.precedes(right, left) ? right : left
    }

    /// Adds a slot.
    mutating func insert(_ slot: Int) {
        self.put(slot, at: self.count)
        self.count += 1
        self.rise(slot)
    }

    /// Takes a slot out.
    mutating func remove(_ slot: Int) {
        self.count -= 1
        let last = Int(self.members[self.count])
        guard last != slot else { return }
        self.put(last, at: Int(self.slots[slot].position))
        self.settle(last)
    }

    /// Puts a slot where it belongs after it has changed.
    @inline(__always)
    func settle(_ slot: Int) {
        self.rise(slot)
        self.sink(slot)
    }

    @inline(__always)
    private func put(_ slot: Int, at position: Int) {
        self.members[position] = Int32(truncatingIfNeeded: slot)
        self.slots[slot].position = Int32(truncatingIfNeeded: position)
    }

    private func rise(_ slot: Int) {
        guard self.order != .none else { return }
        var position = Int(self.slots[slot].position)
        while position > 0 {
            let above = (position - 1) / 2
            let other = Int(self.members[above])
            guard self.precedes(slot, other) else { break }
            self.put(other, at: position)
            position = above
        }
        self.put(slot, at: position)
    }

    /// Moves a slot that is due later now.
    func sink(_ slot: Int) {
        guard self.order != .none else { return }
        var position = Int(self.slots[slot].position)
        while true {
            var below = 2 * position + 1
            guard below < self.count else { break }
            var other = Int(self.members[below])
            if below + 1 < self.count {
                let right = Int(self.members[below + 1])
                if self.precedes(right, other) {
                    below += 1
                    other = right
                }
            }
            guard self.precedes(other, slot) else { break }
            self.put(other, at: position)
            position = below
        }
        self.put(slot, at: position)
    }

    @inline(__always)
    private func precedes(_ one: Int, _ other: Int) -> Bool {
        let first = self.slots + one
        let second = self.slots + other
        switch self.order {
        case .none: return false
        case .turn: return first.pointee.isDue(before: second.pointee)
        case .load: return first.pointee.isLess(loadedThan: second.pointee)
        }
    }
}
