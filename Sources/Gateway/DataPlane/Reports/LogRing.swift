internal import Synchronization

/// Bytes on their way from one worker to the log writer: one writes, one reads, nobody waits.
final class LogRing: Sendable {
    /// Bytes that fit; a power of two.
    static let capacity = 1 << 20
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer
    private let written = Atomic<Int>(0)
    private let read = Atomic<Int>(0)

    init() { self.base = .allocate(byteCount: Self.capacity, alignment: 64) }

    deinit { self.base.deallocate() }

    /// Adds one whole line; `false` when there is no room.
    ///
    /// Worker thread only.
    func append(_ line: UnsafeRawBufferPointer) -> Bool {
        let end = self.written.load(ordering: .relaxed)
        let start = self.read.load(ordering: .acquiring)
        guard let source = line.baseAddress, end - start + line.count <= Self.capacity else {
            return false
        }
        let offset = end & (Self.capacity - 1)
        let first = min(line.count, Self.capacity - offset)
        (self.base + offset).copyMemory(from: source, byteCount: first)
        self.base.copyMemory(from: source + first, byteCount: line.count - first)
        self.written.store(end + line.count, ordering: .releasing)
        return true
    }

    /// Hands what is there to `take` in pieces and frees as many bytes as that returns; stops at 0.
    ///
    /// Writer thread only.
    func flush(_ take: (UnsafeRawBufferPointer) -> Int) {
        let end = self.written.load(ordering: .acquiring)
        var start = self.read.load(ordering: .relaxed)
        while start < end {
            let offset = start & (Self.capacity - 1)
            let count = min(end - start, Self.capacity - offset)
            let taken = take(UnsafeRawBufferPointer(start: self.base + offset, count: count))
            guard taken > 0 else { return }
            start += taken
            self.read.store(start, ordering: .releasing)
        }
    }

    /// Hands over line by line, without line feeds, until `take` returns `false`.
    ///
    /// A line longer than `room` is cut. Writer thread only.
    func flushLines(
        through room: UnsafeMutableRawBufferPointer,
        _ take: (UnsafeRawBufferPointer) -> Bool
    ) {
        let end = self.written.load(ordering: .acquiring)
        var start = self.read.load(ordering: .relaxed)
        while start < end {
            var count = 0
            var next = start
            while next < end {
                let byte = self.base.load(
                    fromByteOffset: next & (Self.capacity - 1),
                    as: UInt8.self
                )
                next += 1
                if byte == 0x0A { break }
                guard count < room.count else { continue }
                room[count] = byte
                count += 1
            }
            guard take(UnsafeRawBufferPointer(rebasing: room[..<count])) else { return }
            start = next
            self.read.store(start, ordering: .releasing)
        }
    }
}
