/// The start of one 16 KiB block; its content follows.
struct Block {
    /// The next block of a queue, or the next free one.
    var next: UnsafeMutablePointer<Block>?
    /// Offset of the first byte not yet taken.
    var start: Int
    /// Offset just behind the last byte.
    var end: Int

    /// Bytes of content that one block holds.
    static let room = 16_384 - MemoryLayout<Block>.stride
}

extension UnsafeMutablePointer<Block> {
    /// Where the content starts.
    @inline(__always)
    var content: UnsafeMutableRawPointer { UnsafeMutableRawPointer(self + 1) }
}

/// Blocks for what cannot be kept in the thread's buffers: partial heads, replayable requests and
/// output that the peer does not take yet.
///
/// Last in, first out, so that a block is warm when it is taken again.
struct BlockPool {
    /// Free blocks kept for reuse; 4 MiB at most.
    private static let keep = 256
    private var free: UnsafeMutablePointer<Block>?
    private var freeCount = 0
    /// Blocks in use.
    private(set) var taken = 0

    @inline(__always)
    mutating func take() -> UnsafeMutablePointer<Block> {
        self.taken += 1
        guard let block = self.free else {
            let memory = UnsafeMutableRawPointer.allocate(byteCount: 16_384, alignment: 64)
            let block = memory.bindMemory(to: Block.self, capacity: 1)
            block.initialize(to: Block(next: nil, start: 0, end: 0))
            return block
        }
        self.free = block.pointee.next
        self.freeCount -= 1
        block.pointee = Block(next: nil, start: 0, end: 0)
        return block
    }

    @inline(__always)
    mutating func giveBack(_ block: UnsafeMutablePointer<Block>) {
        self.taken -= 1
        guard self.freeCount < Self.keep else {
            block.deallocate()
            return
        }
        block.pointee.next = self.free
        self.free = block
        self.freeCount += 1
    }

    /// Frees the blocks that are kept.
    mutating func deallocate() {
        while let block = self.free {
            self.free = block.pointee.next
            block.deallocate()
        }
        self.freeCount = 0
    }
}

/// Bytes in blocks, first in, first out; owns memory only while it holds bytes.
struct BlockQueue {
    private var head: UnsafeMutablePointer<Block>?
    private var tail: UnsafeMutablePointer<Block>?
    /// Bytes held.
    private(set) var count = 0

    @inline(__always)
    var isEmpty: Bool { self.count == 0 }

    /// Adds a copy of the bytes at the end.
    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer, from pool: inout BlockPool) {
        var rest = bytes
        while !rest.isEmpty {
            if self.tail.map({ $0.pointee.end == Block.room }) ?? true { self.grow(&pool) }
            guard let block = self.tail, let source = rest.baseAddress else { return }
            let count = min(Block.room - block.pointee.end, rest.count)
            (block.content + block.pointee.end).copyMemory(from: source, byteCount: count)
            block.pointee.end += count
            self.count += count
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    private mutating func grow(_ pool: inout BlockPool) {
        let block = pool.take()
        if let tail = self.tail { tail.pointee.next = block } else { self.head = block }
        self.tail = block
    }

    /// The first stretch of bytes; empty when there are none.
    @inline(__always)
    var first: UnsafeRawBufferPointer {
        guard let block = self.head else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(
            start: block.content + block.pointee.start,
            count: block.pointee.end - block.pointee.start
        )
    }

    /// Drops `count` bytes from the front; there must be as many.
    @inline(__always)
    mutating func consume(_ count: Int, to pool: inout BlockPool) {
        var rest = count
        self.count -= count
        while rest > 0, let block = self.head {
            let step = min(rest, block.pointee.end - block.pointee.start)
            block.pointee.start += step
            rest -= step
            guard block.pointee.start == block.pointee.end else { return }
            self.head = block.pointee.next
            if self.head == nil { self.tail = nil }
            pool.giveBack(block)
        }
    }

    /// Copies everything to `target`, which must have room, and returns the count.
    @inline(__always)
    func copy(to target: UnsafeMutableRawPointer) -> Int {
        var offset = 0
        var next = self.head
        while let block = next {
            let count = block.pointee.end - block.pointee.start
            (target + offset).copyMemory(
                from: block.content + block.pointee.start,
                byteCount: count
            )
            offset += count
            next = block.pointee.next
        }
        return offset
    }

    /// A copy of everything in one stretch.
    var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: self.count) { room, count in
            count = room.baseAddress.map { self.copy(to: $0) } ?? 0
        }
    }

    /// The stretches of bytes, in order; the queue must not change meanwhile.
    var pieces: Pieces { Pieces(block: self.head) }

    /// Goes through the stretches of a queue.
    struct Pieces {
        fileprivate var block: UnsafeMutablePointer<Block>?

        /// Whether nothing follows.
        var isAtEnd: Bool { self.block == nil }

        /// The next stretch; `nil` at the end.
        mutating func next() -> UnsafeRawBufferPointer? {
            guard let block = self.block else { return nil }
            self.block = block.pointee.next
            return UnsafeRawBufferPointer(
                start: block.content + block.pointee.start,
                count: block.pointee.end - block.pointee.start
            )
        }
    }

    /// Drops everything.
    @inline(__always)
    mutating func clear(to pool: inout BlockPool) {
        while let block = self.head {
            self.head = block.pointee.next
            pool.giveBack(block)
        }
        self.tail = nil
        self.count = 0
    }
}
