/// Bytes that are appended at one end and taken at the other, in one growing piece of memory.
///
/// Whoever holds it calls ``release()`` before dropping it.
struct ByteQueue {
    private var base: UnsafeMutableRawPointer?
    private var start = 0
    private var end = 0
    private(set) var capacity = 0

    /// Smallest piece of memory.
    private static let leastByteCount = 1_024

    var count: Int { self.end - self.start }
    var isEmpty: Bool { self.end == self.start }

    /// What is queued; valid until the next change.
    var bytes: UnsafeRawBufferPointer {
        guard let base = self.base else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: base + self.start, count: self.count)
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        self.reserve(bytes.count)
        guard let base = self.base else { return }
        (base + self.end).copyMemory(from: source, byteCount: bytes.count)
        self.end += bytes.count
    }

    mutating func append(_ text: StaticString) {
        self.append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a part of what is queued already; the range counts from the first queued byte.
    mutating func append(own range: ByteRange) {
        precondition(
            range.start >= 0 && range.count >= 0 && range.end <= self.count,
            "foreign range"
        )
        self.reserve(range.count)
        guard let base = self.base, range.count > 0 else { return }
        (base + self.end).copyMemory(
            from: base + self.start + range.start,
            byteCount: range.count
        )
        self.end += range.count
    }

    /// Makes room for so many more bytes in one step.
    mutating func reserve(_ byteCount: Int) {
        guard self.capacity - self.end < byteCount else { return }
        let needed = self.count + byteCount
        if self.start > 0, needed <= self.capacity, let base = self.base {
            base.copyMemory(from: base + self.start, byteCount: self.count)
        } else {
            let larger = max(needed, self.capacity * 2, Self.leastByteCount)
            let memory = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
            if let base = self.base {
                memory.copyMemory(from: base + self.start, byteCount: self.count)
                base.deallocate()
            }
            self.base = memory
            self.capacity = larger
        }
        self.end -= self.start
        self.start = 0
    }

    mutating func removeFirst(_ byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= self.count, "more than is queued")
        self.start += byteCount
        if self.start == self.end { self.removeAll() }
    }

    /// Cuts off the end, down to `count` bytes.
    mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count, "more than is queued")
        self.end = self.start + count
    }

    /// Forgets what is queued and keeps the memory.
    mutating func removeAll() {
        self.start = 0
        self.end = 0
    }

    /// Gives memory above `byteCount` back; only when nothing is queued.
    mutating func trim(above byteCount: Int) {
        if self.isEmpty, self.capacity > byteCount { self.release() }
    }

    /// Gives all memory back, with what is queued.
    mutating func release() {
        self.base?.deallocate()
        self.base = nil
        self.capacity = 0
        self.removeAll()
    }
}
