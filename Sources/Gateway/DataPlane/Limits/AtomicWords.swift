import Glibc
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
        // Comes as zeros, of which nothing takes a page before it is written.
        guard let memory = calloc(self.count, MemoryLayout<Atomic<UInt64>>.stride) else {
            fatalError("no memory")
        }
        self.base = memory.bindMemory(to: Atomic<UInt64>.self, capacity: self.count)
    }

    deinit {
        self.base.deinitialize(count: self.count)
        free(self.base)
    }

    /// The word at an index below ``count``.
    subscript(index: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        precondition(index >= 0 && index < self.count, "no such word")
        return self.base + index
    }
}
