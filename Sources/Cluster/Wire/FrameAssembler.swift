import MeshPrimitives

/// Cuts a stream's bytes into frames; holds no more than one frame's limit.
public struct FrameAssembler: Sendable {
    private var bytes: [UInt8] = []
    private var limit: Int

    /// Creates an assembler that refuses frames of more than `limit` bytes.
    ///
    /// Before the handshake the limit is ``StreamHandshake/byteCount``, so that a stranger cannot
    /// make this node hold more than that.
    public init(limit: Int = StreamHandshake.byteCount) { self.limit = limit }

    /// Allows full frames, once the handshake is done.
    public mutating func allowFrames() {
        self.limit = StreamChannel.frameByteLimit - StreamChannel.prefixByteCount
    }

    /// Bytes held back until their frame is whole.
    public var pendingByteCount: Int { self.bytes.count }

    /// Takes in bytes as received; call ``next()`` until it gives `nil` before adding more.
    public mutating func append(_ more: some Sequence<UInt8>) {
        self.bytes.append(contentsOf: more)
    }

    /// Returns the next whole frame without its prefix; `nil` until more bytes come.
    ///
    /// - Throws: ``WireError/tooLarge`` or ``WireError/truncated`` for a length no frame can have;
    ///   the stream must be closed then.
    public mutating func next() throws(WireError) -> [UInt8]? {
        let prefix = StreamChannel.prefixByteCount
        guard self.bytes.count >= prefix else { return nil }
        let length = self.bytes[..<prefix].reduce(0) { ($0 << 8) | Int($1) }
        guard length <= self.limit else { throw .tooLarge }
        guard length >= Sodium.tagByteCount else { throw .truncated }
        guard self.bytes.count >= prefix + length else { return nil }
        let frame = Array(self.bytes[prefix..<(prefix + length)])
        self.bytes.removeFirst(prefix + length)
        return frame
    }

    /// A frame or handshake message with its length before it.
    public static func prefixed(_ frame: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(capacity: StreamChannel.prefixByteCount + frame.count)
        writer.write(UInt32(clamping: frame.count))
        writer.append(contentsOf: frame)
        return writer.bytes
    }
}
