/// What a session knows about one stream beside what the framing layer does.
struct HTTP2Stream {
    struct Flags: OptionSet {
        let rawValue: UInt16
        /// The request's method is HEAD.
        static let isHead = Flags(rawValue: 1)
        static let isExtendedConnect = Flags(rawValue: 2)
        /// Our final head was submitted.
        static let hasHead = Flags(rawValue: 4)
        /// The caller said that nothing follows.
        static let ends = Flags(rawValue: 8)
        /// The framing layer asked for content and there was none.
        static let isDeferred = Flags(rawValue: 16)
        /// The caller gave the stream up.
        static let isReset = Flags(rawValue: 32)
        static let isClosed = Flags(rawValue: 64)
        /// Something waited, so that the caller is told when nothing does.
        static let hasWaited = Flags(rawValue: 128)
        /// The final head of the peer was reported.
        static let hasPeerHead = Flags(rawValue: 256)
        /// Trailers follow the content.
        static let hasTrailers = Flags(rawValue: 512)
        /// The peer reset the stream.
        static let wasResetByPeer = Flags(rawValue: 1_024)
    }

    var id: Int32 = 0
    var tag: Int32 = -1
    var flags: Flags = []
    /// Why the caller gave the stream up.
    var resetCode: HTTP2ErrorCode?
    /// Content that the peer's window or the room for frames does not allow yet.
    var waiting: ByteQueue
    /// Lines of trailers, until the content before them went.
    var trailers = ByteQueue()
    fileprivate var nextFree: Int32 = -1

    init(id: Int32, spares: HTTP2Spares?) {
        self.id = id
        self.waiting = ByteQueue(spares: spares)
    }
}

/// The streams of one session: slots that are used again, and an index by stream number.
///
/// Open addressing by a hash: stream numbers are dense, and by their own order all open streams of a
/// connection would be one cluster, which every removal had to walk.
/// Whoever holds it calls ``release()``.
struct StreamTable {
    private var slots: UnsafeMutablePointer<HTTP2Stream>
    private var slotCapacity: Int
    private var slotCount = 0
    private var firstFree: Int32 = -1
    /// Slot plus one by hash; 0 is empty.
    private var index: UnsafeMutablePointer<Int32>
    private var mask: Int
    private(set) var count = 0

    private static let leastSlotCount = 4

    init() {
        self.slotCapacity = Self.leastSlotCount
        self.slots = .allocate(capacity: Self.leastSlotCount)
        self.mask = Self.leastSlotCount * 2 - 1
        self.index = .allocate(capacity: Self.leastSlotCount * 2)
        self.index.initialize(repeating: 0, count: Self.leastSlotCount * 2)
    }

    func release() {
        for slot in 0..<self.slotCount {
            self.slots[slot].waiting.release()
            self.slots[slot].trailers.release()
        }
        self.slots.deinitialize(count: self.slotCount)
        self.slots.deallocate()
        self.index.deallocate()
    }

    /// The stream in a slot; valid until a stream is added.
    subscript(slot: Int) -> UnsafeMutablePointer<HTTP2Stream> {
        precondition(slot >= 0 && slot < self.slotCount, "no such stream")
        return self.slots + slot
    }

    /// How many slots were ever used; those not in use have stream number 0.
    var usedSlotCount: Int { self.slotCount }

    /// Where the look-up of a stream begins (Knuth's multiplicative hashing).
    @inline(__always)
    private func home(_ stream: Int32) -> Int {
        let hash = UInt32(bitPattern: stream) &* 0x9E37_79B1
        return Int(hash &>> 16 ^ hash) & self.mask
    }

    func find(_ stream: Int32) -> Int? {
        var place = self.home(stream)
        while self.index[place] != 0 {
            let slot = Int(self.index[place]) - 1
            if self.slots[slot].id == stream { return slot }
            place = (place + 1) & self.mask
        }
        return nil
    }

    /// - Parameters:
    ///   - stream: A number that is in no slot.
    ///   - spares: Where content that waits gets its memory.
    /// - Returns: The slot.
    mutating func add(_ stream: Int32, _ spares: HTTP2Spares?) -> Int {
        precondition(stream > 0 && self.find(stream) == nil, "a stream is added once")
        if (self.count + 1) * 2 > self.mask { self.growIndex() }
        let slot = self.freeSlot(HTTP2Stream(id: stream, spares: spares))
        self.count += 1
        self.note(stream, slot)
        return slot
    }

    private mutating func freeSlot(_ stream: HTTP2Stream) -> Int {
        if self.firstFree >= 0 {
            let slot = Int(self.firstFree)
            self.firstFree = self.slots[slot].nextFree
            (self.slots + slot).pointee = stream
            return slot
        }
        if self.slotCount == self.slotCapacity {
            let larger: UnsafeMutablePointer<HTTP2Stream> =
                .allocate(capacity: self.slotCapacity * 2)
            larger.moveInitialize(from: self.slots, count: self.slotCount)
            self.slots.deallocate()
            self.slots = larger
            self.slotCapacity *= 2
        }
        (self.slots + self.slotCount).initialize(to: stream)
        self.slotCount += 1
        return self.slotCount - 1
    }

    private func note(_ stream: Int32, _ slot: Int) {
        var place = self.home(stream)
        while self.index[place] != 0 { place = (place + 1) & self.mask }
        self.index[place] = Int32(slot + 1)
    }

    private mutating func growIndex() {
        let placeCount = (self.mask + 1) * 2
        self.index.deallocate()
        self.index = .allocate(capacity: placeCount)
        self.index.initialize(repeating: 0, count: placeCount)
        self.mask = placeCount - 1
        for slot in 0..<self.slotCount where self.slots[slot].id != 0 {
            self.note(self.slots[slot].id, slot)
        }
    }

    mutating func remove(slot: Int) {
        let stream = self[slot].pointee.id
        precondition(stream > 0, "a stream is removed once")
        self.unlink(stream)
        self.slots[slot].waiting.release()
        self.slots[slot].trailers.release()
        self.slots[slot].id = 0
        self.slots[slot].nextFree = self.firstFree
        self.firstFree = Int32(slot)
        self.count -= 1
    }

    /// Empties the place of a stream and moves those behind it that hash before it.
    private func unlink(_ stream: Int32) {
        var place = self.home(stream)
        while self.slots[Int(self.index[place]) - 1].id != stream {
            place = (place + 1) & self.mask
        }
        var next = (place + 1) & self.mask
        while self.index[next] != 0 {
            let home = self.home(self.slots[Int(self.index[next]) - 1].id)
            if (next - home) & self.mask >= (next - place) & self.mask {
                self.index[place] = self.index[next]
                place = next
            }
            next = (next + 1) & self.mask
        }
        self.index[place] = 0
    }
}
