internal import Synchronization

/// A fixed number of words that any thread reads and changes, in one stretch of memory.
final class AtomicWords: Sendable {
    /// Bound once, freed with the object; what it points to is atomic.
    private nonisolated(unsafe) let base: UnsafeMutablePointer<Atomic<UInt64>>
    /// How many there are.
    let count: Int

    /// Takes memory for words that are all 0.
    init(count: Int) {
        self.count = max(1, count)
        self.base = .allocate(capacity: self.count)
        for index in 0..<self.count { (self.base + index).initialize(to: Atomic(0)) }
    }

    deinit {
        self.base.deinitialize(count: self.count)
        self.base.deallocate()
    }

    /// The word at an index below ``count``.
    subscript(index: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        precondition(index >= 0 && index < self.count, "no such word")
        return self.base + index
    }
}
