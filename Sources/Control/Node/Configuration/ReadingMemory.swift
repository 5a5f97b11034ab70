import CMeshSystem
import Dispatch
import Synchronization

/// The process's memory while a large configuration is read.
///
/// glibc lets the memory of all threads but the first grow by a page at a time, with a call of the system
/// for each, which reading feels. Letting it grow by much keeps what bursts of requests took, too, so that
/// is for the time of reading only.
enum ReadingMemory {
    /// Bytes of a text from which on it is large: 256 KiB.
    static let largeText = 256 << 10
    /// Entities from which on there are many: 1,000.
    static let manyEntities = 1_000
    /// From the end of a reading until memory is given back, when all that was made on the way is gone.
    private static let rest = DispatchTimeInterval.seconds(5)
    /// From its beginning, when nobody has told of an end.
    private static let longestReading = DispatchTimeInterval.seconds(30)

    private static let isGrowing = Atomic(false)

    /// A large configuration is about to be read, or the process begins: what threads get first stays
    /// fit to grow at once.
    static func begin() {
        guard !self.isGrowing.exchange(true, ordering: .relaxed) else { return }
        mesh_grow_memory_fast()
        self.giveBack(after: self.longestReading)
    }

    /// It has been read; memory is given back some seconds later.
    static func end() { self.giveBack(after: self.rest) }

    private static func giveBack(after time: DispatchTimeInterval) {
        DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + time) {
            self.isGrowing.store(false, ordering: .relaxed)
            mesh_trim_memory()
        }
    }
}
