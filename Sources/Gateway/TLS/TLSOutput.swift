/// Records on their way out, gathered so that all of one write leave in one send.
///
/// One per worker thread, reused by every session of the thread, and used by no other. It must
/// outlive the sessions that were made with it.
public final class TLSOutput {
    /// Bytes of room kept between sends; more is given back by ``clear()``.
    ///
    /// 256 KiB: records of a write of 128 KiB, twice.
    public static let keptByteCount = 256 * 1_024

    let gathered: UnsafeMutablePointer<GatheredBytes>

    /// Creates an empty output; room is taken with the first record.
    public init() {
        self.gathered = .allocate(capacity: 1)
        self.gathered.initialize(to: GatheredBytes())
    }

    deinit {
        self.gathered.pointee.giveBack()
        self.gathered.deallocate()
    }

    /// Ciphertext to send, in order; valid until the next call on any session of this output.
    public var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: self.gathered.pointee.start,
            count: self.gathered.pointee.count
        )
    }

    /// Whether there is nothing to send.
    public var isEmpty: Bool { self.gathered.pointee.count == 0 }

    /// Bytes of room held, sent or not.
    public var capacity: Int { self.gathered.pointee.capacity }

    /// Forgets what was gathered; room above ``keptByteCount`` goes back to the system.
    public func clear() {
        self.gathered.pointee.count = 0
        if self.gathered.pointee.capacity > Self.keptByteCount { self.gathered.pointee.giveBack() }
    }
}

/// A growing block of bytes that a C callback can reach without a reference count.
struct GatheredBytes {
    private(set) var start: UnsafeMutableRawPointer?
    fileprivate(set) var count = 0
    private(set) var capacity = 0

    mutating func append(_ bytes: UnsafeRawPointer, count: Int) {
        self.reserve(count)
        self.start.unsafelyUnwrapped.advanced(by: self.count)
            .copyMemory(from: bytes, byteCount: count)
        self.count += count
    }

    mutating func giveBack() {
        self.start?.deallocate()
        self.start = nil
        self.count = 0
        self.capacity = 0
    }

    private mutating func reserve(_ more: Int) {
        let needed = self.count + more
        guard needed > self.capacity else { return }
        let capacity = max(needed, self.capacity * 2, 32 * 1_024)
        let grown = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        if let start = self.start {
            grown.copyMemory(from: start, byteCount: self.count)
            start.deallocate()
        }
        self.start = grown
        self.capacity = capacity
    }
}
