public import MeshPrimitives

/// One authenticated stream: seals and opens frames, each bound to its direction and place.
///
///     0        4
///     | length | sealed body | tag 16 |        length counts what follows it
///
/// The nonce is the frame's number, the key belongs to one direction of this stream alone: a frame
/// that is dropped, repeated, moved or sent back does not open, and the stream must then be closed.
public struct StreamChannel: Sendable {
    /// Most bytes of a frame, length prefix included: 1 MiB.
    public static let frameByteLimit = 1 << 20
    /// Bytes of the length before every frame and handshake message.
    public static let prefixByteCount = 4
    /// Most bytes of a body that fits a frame.
    public static let bodyByteLimit =
        Self.frameByteLimit - Self.prefixByteCount - Sodium.tagByteCount

    /// Who is at the other end.
    public let peer: NodeID
    /// The protocol versions that the other end speaks.
    public let peerVersions: WireVersions
    /// The version that bodies are written in; `nil` when the ends have none in common, and the stream
    /// must be closed.
    public let version: UInt8?
    private let sealingKey: [UInt8]
    private let openingKey: [UInt8]
    private var sealed: UInt64 = 0
    private var opened: UInt64 = 0

    init(
        peer: NodeID,
        peerVersions: WireVersions,
        version: UInt8?,
        sealingKey: [UInt8],
        openingKey: [UInt8]
    ) {
        self.peer = peer
        self.peerVersions = peerVersions
        self.version = version
        self.sealingKey = sealingKey
        self.openingKey = openingKey
    }

    /// Seals `body` into one frame, without its length prefix.
    ///
    /// - Throws: ``WireError/tooLarge`` when it exceeds ``bodyByteLimit``; nothing changes then.
    public mutating func seal(_ body: [UInt8]) throws(WireError) -> [UInt8] {
        guard body.count <= Self.bodyByteLimit else { throw .tooLarge }
        let nonce = Self.nonce(self.sealed)
        self.sealed += 1
        return Sodium.seal(body, header: [], nonce: nonce, key: self.sealingKey)
    }

    /// Opens one frame, without its length prefix; may be hostile.
    ///
    /// - Throws: ``WireError``; the stream must be closed then.
    public mutating func open(_ frame: [UInt8]) throws(WireError) -> [UInt8] {
        guard frame.count >= Sodium.tagByteCount else { throw .truncated }
        guard frame.count <= Self.frameByteLimit - Self.prefixByteCount else { throw .tooLarge }
        let nonce = Self.nonce(self.opened)
        guard
            let body = Sodium.open(frame[...], header: [], nonce: nonce, key: self.openingKey)
        else { throw .forged }
        self.opened += 1
        return body
    }

    private static func nonce(_ number: UInt64) -> [UInt8] {
        var writer = ByteWriter(capacity: Sodium.nonceByteCount)
        writer.write(UInt64(0))
        writer.write(UInt64(0))
        writer.write(number)
        return writer.bytes
    }
}
