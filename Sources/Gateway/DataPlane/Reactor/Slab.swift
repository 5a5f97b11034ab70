internal import CMeshSystem

/// Fixed room for elements of one trivial type, addressed by index; memory is touched only as far
/// as it was ever used.
///
/// Free places are reused last in, first out, so that a quiet thread stays in few pages.
struct Slab<Element> {
    /// The first element; elements never move.
    let base: UnsafeMutablePointer<Element>
    /// How many elements fit.
    let capacity: Int
    /// How many are taken.
    private(set) var count = 0

    private let free: UnsafeMutablePointer<Int32>
    private var freeCount = 0
    private var touched = 0

    /// Reserves room; `nil` when the system refuses.
    init?(capacity: Int) {
        guard let pages = mesh_reserve(capacity * MemoryLayout<Element>.stride),
            let stack = mesh_reserve(capacity * MemoryLayout<Int32>.stride)
        else { return nil }
        self.capacity = capacity
        self.base = pages.bindMemory(to: Element.self, capacity: capacity)
        self.free = stack.bindMemory(to: Int32.self, capacity: capacity)
    }

    /// Takes a place, its memory as the last user left it (zeroed at first); -1 when full.
    @inline(__always)
    mutating func take() -> Int32 {
        if self.freeCount > 0 {
            self.freeCount -= 1
            self.count += 1
            return self.free[self.freeCount]
        }
        guard self.touched < self.capacity else { return -1 }
        self.touched += 1
        self.count += 1
        return Int32(truncatingIfNeeded: self.touched - 1)
    }

    /// Gives a place back.
    @inline(__always)
    mutating func giveBack(_ index: Int32) {
        self.free[self.freeCount] = index
        self.freeCount += 1
        self.count -= 1
    }

    /// One past the highest index ever taken.
    var end: Int32 { Int32(truncatingIfNeeded: self.touched) }

    /// Gives the memory back to the system.
    func deallocate() {
        mesh_release(self.base, self.capacity * MemoryLayout<Element>.stride)
        mesh_release(self.free, self.capacity * MemoryLayout<Int32>.stride)
    }

    /// The element at `index`, which must have come from ``take()``.
    @inline(__always)
    subscript(index: Int32) -> UnsafeMutablePointer<Element> { self.base + Int(index) }
}
