/// Bytes that are appended at one end and taken at the other, in one growing piece of memory.
///
/// Whoever holds it calls ``release()`` before dropping it.
struct ByteQueue {
    /// Where large pieces come from and go to; nil for the system.
    ///
    /// The session holds it: a queue that counted references would cost its stream a dozen of them.
    private let spares: Unmanaged<HTTP2Spares>?
    private var base: UnsafeMutableRawPointer?
    private var start = 0
    private var end = 0
    private(set) var capacity = 0

    /// Smallest piece of memory.
    private static let leastByteCount = 1_024

    /// Creates an empty queue, which `spares` must outlive.
    init(spares: HTTP2Spares? = nil) {
        self.spares = spares.map { Unmanaged.passUnretained($0) }
    }

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

    /// Appends `name: value CRLF`.
    mutating func append(line name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        self.reserve(name.count + value.count + 4)
        guard let base = self.base, let nameStart = name.baseAddress else { return }
        var at = base + self.end
        at.copyMemory(from: nameStart, byteCount: name.count)
        at += name.count
        at.storeBytes(of: 0x203A, as: UInt16.self)
        at += 2
        if let valueStart = value.baseAddress {
            at.copyMemory(from: valueStart, byteCount: value.count)
            at += value.count
        }
        at.storeBytes(of: 0x0A0D, as: UInt16.self)
        self.end += name.count + value.count + 4
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
    @inline(__always)
    mutating func reserve(_ byteCount: Int) {
        if self.capacity - self.end < byteCount { self.grow(byteCount) }
    }

    @inline(never)
    private mutating func grow(_ byteCount: Int) {
        let needed = self.count + byteCount
        if self.start > 0, needed <= self.capacity, let base = self.base {
            base.copyMemory(from: base + self.start, byteCount: self.count)
        } else {
            let larger = max(needed, self.capacity * 2, Self.leastByteCount)
            let memory =
                self.spares?._withUnsafeGuaranteedRef { $0.take(larger) }
                ?? .allocate(byteCount: larger, alignment: 16)
            let count = self.count
            if let base = self.base, count > 0 {
                memory.baseAddress?.copyMemory(from: base + self.start, byteCount: count)
            }
            self.freeMemory()
            self.base = memory.baseAddress
            self.capacity = memory.count
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
        self.freeMemory()
        self.base = nil
        self.capacity = 0
        self.removeAll()
    }

    private func freeMemory() {
        guard let base = self.base else { return }
        let memory = UnsafeMutableRawBufferPointer(start: base, count: self.capacity)
        guard let spares = self.spares else { return memory.deallocate() }
        spares._withUnsafeGuaranteedRef { $0.give(memory) }
    }
}
