internal import MeshHTTP
internal import Synchronization

/// Bytes on their way from one worker to the log writer: one writes, one reads, nobody waits.
///
/// Whenever all was read, writing begins again at the start: a quiet worker stays in few pages.
final class LogRing: Sendable {
    /// Bytes that fit; a power of two.
    static let capacity = 1 << 20
    /// Longest line.
    static let lineLimit = 1 << 16
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer
    private let written = Atomic<Int>(0)
    private let read = Atomic<Int>(0)
    /// The position that stands at the ring's start; changes only while nothing is there to be read,
    /// so that whoever sees bytes sees theirs.
    private let origin = Atomic<Int>(0)
    /// Lines that were taken and could not be written.
    let lostLines = Atomic<UInt64>(0)

    init() {
        self.base = .allocate(byteCount: Self.capacity + Self.lineLimit, alignment: 64)
    }

    deinit { self.base.deallocate() }

    /// Adds the line that `write` writes; `false` when there is no room for the whole of it.
    ///
    /// The line is written where it stays; only what of it runs over the ring's end is copied to
    /// the start. Worker thread only.
    @inline(__always)
    func append(_ write: (inout HeadWriter) -> Void) -> Bool {
        let end = self.written.load(ordering: .relaxed)
        let waiting = end - self.read.load(ordering: .acquiring)
        if waiting == 0 { self.origin.store(end, ordering: .relaxed) }
        let free = Self.capacity - waiting
        let offset = self.offset(of: end)
        let room = UnsafeMutableRawBufferPointer(
            start: self.base + offset,
            count: min(free, Self.lineLimit)
        )
        var line = HeadWriter(room)
        write(&line)
        guard let count = line.written?.count else { return false }
        let surplus = offset + count - Self.capacity
        if surplus > 0 {
            self.base.copyMemory(from: self.base + Self.capacity, byteCount: surplus)
        }
        self.written.store(end + count, ordering: .releasing)
        return true
    }

    /// Where a position's byte stands.
    @inline(__always)
    private func offset(of position: Int) -> Int {
        (position - self.origin.load(ordering: .relaxed)) & (Self.capacity - 1)
    }

    /// Hands what is there to `take` in pieces and frees as many bytes as that returns; stops at 0.
    ///
    /// Writer thread only.
    func flush(_ take: (UnsafeRawBufferPointer) -> Int) {
        let end = self.written.load(ordering: .acquiring)
        var start = self.read.load(ordering: .relaxed)
        while start < end {
            let offset = self.offset(of: start)
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
                    fromByteOffset: self.offset(of: next),
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
