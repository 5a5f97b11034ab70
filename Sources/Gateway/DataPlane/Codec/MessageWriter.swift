internal import MeshHTTP

/// Puts heads and bodies of HTTP/1 messages on links: head, chunk sizes and small bodies in one
/// stretch, long bodies from where they are.
struct MessageWriter {
    /// Bodies up to this size are copied behind their head, so that both go out in one stretch.
    private static let joinLimit = 8_192
    /// Room behind the head for a chunk's size line and a joined body.
    private static let tail = 16_384

    /// What is written behind the last byte of a piece.
    private static let chunkEnd: StaticString = "\r\n"
    private static let lastChunkEnd: StaticString = "\r\n0\r\n"
    private static let lastChunk: StaticString = "0\r\n"

    private let memory: UnsafeMutableRawPointer
    private let headCapacity: Int

    /// Reserves room for one head of at most `headCapacity` bytes.
    init(headCapacity: Int) {
        self.headCapacity = headCapacity
        self.memory = .allocate(byteCount: headCapacity + Self.tail, alignment: 64)
    }

    func deallocate() { self.memory.deallocate() }

    /// A writer for a head; ``send(head:_:_:to:by:)`` takes what it wrote.
    @inline(__always)
    func headWriter() -> HeadWriter {
        HeadWriter(UnsafeMutableRawBufferPointer(start: self.memory, count: self.headCapacity))
    }

    /// The head as text, for codecs that translate it.
    @inline(__always)
    func head(_ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: self.memory, count: count)
    }

    /// How a piece of a body is framed.
    struct Framing: OptionSet {
        let rawValue: UInt8
        static let chunked = Framing(rawValue: 1)
        /// It is the last piece.
        static let last = Framing(rawValue: 2)
    }

    /// Sends the head written last, of `head` bytes, and a piece of the body behind it.
    ///
    /// - Returns: how many bytes were handed to the link; -1 when the link is broken.
    @inline(__always)
    func send(
        head: Int,
        _ plain: UnsafeRawBufferPointer,
        _ framing: Framing,
        trailers: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
        to link: Int32,
        by io: inout LinkIO
    ) -> Int {
        var count = head
        if framing.contains(.chunked) {
            return self.sendChunk(head: head, plain, framing, trailers: trailers, to: link, by: &io)
        }
        guard let source = plain.baseAddress, !plain.isEmpty else {
            return io.write(link, self.head(head)) ? head : -1
        }
        guard head > 0, plain.count <= Self.joinLimit else {
            let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
            let isSent =
                head > 0 ? io.write(link, self.head(head), plain, nothing) : io.write(link, plain)
            return isSent ? head + plain.count : -1
        }
        (self.memory + head).copyMemory(from: source, byteCount: plain.count)
        count += plain.count
        return io.write(link, self.head(count)) ? count : -1
    }

    private func sendChunk(
        head: Int,
        _ plain: UnsafeRawBufferPointer,
        _ framing: Framing,
        trailers: UnsafeRawBufferPointer,
        to link: Int32,
        by io: inout LinkIO
    ) -> Int {
        var writer = HeadWriter(
            UnsafeMutableRawBufferPointer(start: self.memory + head, count: Self.tail)
        )
        if !plain.isEmpty {
            writer.write(hexadecimal: UInt64(plain.count))
            writer.write("\r\n")
        }
        let isJoined = plain.count <= Self.joinLimit && trailers.count <= 1_024
        guard isJoined else {
            return self.sendLongChunk(
                head + (writer.written?.count ?? 0),
                plain,
                framing,
                trailers: trailers,
                to: link,
                by: &io
            )
        }
        writer.write(plain)
        if !plain.isEmpty { writer.write(Self.chunkEnd) }
        if framing.contains(.last) {
            writer.write(Self.lastChunk)
            writer.write(trailers)
            writer.write("\r\n")
        }
        let count = head + (writer.written?.count ?? 0)
        return io.write(link, self.head(count)) ? count : -1
    }

    private func sendLongChunk(
        _ prefix: Int,
        _ plain: UnsafeRawBufferPointer,
        _ framing: Framing,
        trailers: UnsafeRawBufferPointer,
        to link: Int32,
        by io: inout LinkIO
    ) -> Int {
        var end = Self.bytes(Self.chunkEnd)
        if framing.contains(.last) {
            end = Self.bytes(plain.isEmpty ? Self.lastChunk : Self.lastChunkEnd)
        } else if plain.isEmpty {
            end = UnsafeRawBufferPointer(start: nil, count: 0)
        }
        guard io.write(link, self.head(prefix), plain, end) else { return -1 }
        let count = prefix + plain.count + end.count
        guard framing.contains(.last) else { return count }
        let last = Self.bytes(Self.chunkEnd)
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        return io.write(link, trailers, last, nothing) ? count + trailers.count + 2 : -1
    }

    private static func bytes(_ text: StaticString) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }
}
