internal import CMeshSystem

/// Deadlines of slab places: one wheel of 1,024 slots of 10 ms.
///
/// Setting a later deadline only stores a number; the entry moves when its old slot comes round. So
/// the common case, a connection whose deadline is pushed out at every request, costs one store.
/// Deadlines beyond the wheel's 10 s wait in its last slot and are sorted in again from there.
struct TimerWheel {
    /// No deadline.
    static let never = Int64.max
    /// Milliseconds per slot.
    static let tick: Int64 = 10
    private static let slots: Int64 = 1_024

    private struct Entry {
        /// Milliseconds of the reactor's clock.
        var deadline: Int64
        /// The tick whose slot holds the entry; meaningless unless linked.
        var tick: Int64
        var next: Int32
        var previous: Int32
        var isLinked: Bool
    }

    private let entries: UnsafeMutablePointer<Entry>
    private let heads: UnsafeMutablePointer<Int32>
    private let capacity: Int
    /// The last tick that was swept.
    private var current: Int64
    private var linked = 0

    /// Reserves entries for slab places `0..<capacity`; `nil` when the system refuses.
    init?(capacity: Int, now: Int64) {
        guard let pages = mesh_reserve(capacity * MemoryLayout<Entry>.stride) else { return nil }
        self.entries = pages.bindMemory(to: Entry.self, capacity: capacity)
        self.heads = .allocate(capacity: Int(Self.slots))
        self.heads.initialize(repeating: -1, count: Int(Self.slots))
        self.capacity = capacity
        self.current = now / Self.tick
    }

    func deallocate() {
        mesh_release(self.entries, self.capacity * MemoryLayout<Entry>.stride)
        self.heads.deallocate()
    }

    /// Sets the place's deadline, in milliseconds; replaces the one before.
    @inline(__always)
    mutating func set(_ index: Int32, _ deadline: Int64) {
        let entry = self.entries + Int(index)
        entry.pointee.deadline = deadline
        if entry.pointee.isLinked {
            if deadline / Self.tick >= entry.pointee.tick { return }
            self.unlink(index)
        }
        self.link(index)
    }

    /// Takes the deadline away.
    @inline(__always)
    mutating func clear(_ index: Int32) {
        self.entries[Int(index)].deadline = Self.never
    }

    private mutating func link(_ index: Int32) {
        let entry = self.entries + Int(index)
        let due = entry.pointee.deadline / Self.tick + 1
        let tick = min(max(due, self.current + 1), self.current + Self.slots - 1)
        let slot = Int(tick % Self.slots)
        let head = self.heads[slot]
        entry.pointee.tick = tick
        entry.pointee.next = head
        entry.pointee.previous = -1
        entry.pointee.isLinked = true
        if head >= 0 { self.entries[Int(head)].previous = index }
        self.heads[slot] = index
        self.linked += 1
    }

    private mutating func unlink(_ index: Int32) {
        let entry = self.entries[Int(index)]
        if entry.previous >= 0 {
            self.entries[Int(entry.previous)].next = entry.next
        } else {
            self.heads[Int(entry.tick % Self.slots)] = entry.next
        }
        if entry.next >= 0 { self.entries[Int(entry.next)].previous = entry.previous }
        self.entries[Int(index)].isLinked = false
        self.linked -= 1
    }

    /// Takes out one place whose deadline has passed; -1 when there is none.
    ///
    /// Call until it returns -1; places may be set and cleared in between.
    mutating func expired(now: Int64) -> Int32 {
        let last = now / Self.tick
        while self.current < last {
            let tick = self.current + 1
            let slot = Int(tick % Self.slots)
            while self.heads[slot] >= 0 {
                let index = self.heads[slot]
                self.unlink(index)
                let deadline = self.entries[Int(index)].deadline
                if deadline == Self.never { continue }
                if deadline <= now { return index }
                self.relink(index, sweeping: tick)
            }
            self.current = tick
        }
        return -1
    }

    /// Links a place whose deadline was pushed out, from within the sweep of `tick`.
    private mutating func relink(_ index: Int32, sweeping tick: Int64) {
        let before = self.current
        self.current = tick
        self.link(index)
        self.current = before
    }

    /// Milliseconds until the next slot that holds anything, at most `limit`.
    func wait(now: Int64, limit: Int64) -> Int64 {
        guard self.linked > 0 else { return limit }
        var tick = self.current + 1
        while tick * Self.tick - now < limit {
            if self.heads[Int(tick % Self.slots)] >= 0 { break }
            tick += 1
        }
        return max(0, min(limit, tick * Self.tick - now))
    }
}
