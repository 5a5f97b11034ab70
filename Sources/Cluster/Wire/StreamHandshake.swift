public import MeshPrimitives

/// The first two messages of a stream, which make both sides sure of a live holder of the key.
///
///     initiator --hello (its salt)------------------> responder
///     initiator <--welcome (its salt, under both)---- responder
///     initiator <==frames, a key per direction======> responder
///
/// A recorded hello can be replayed; it earns a welcome of its own size and nothing more, because
/// frames need a key that includes the responder's fresh salt. Neither side acts on anything before
/// a frame (or, for the initiator, the welcome) opened. Both messages have ``byteCount`` bytes.
///
/// Each tells the oldest and the newest protocol version that its sender speaks; the stream uses the
/// highest that both do. The handshake itself stays as it is in every version.
public struct StreamHandshake: Sendable {
    /// Bytes of each of the two messages, without length prefix.
    public static let byteCount = Envelope.byteCount + Self.bodyByteCount
    private static let bodyByteCount = 2

    /// The message that the initiator sends first.
    public let hello: [UInt8]

    private let keys: ClusterKeys
    private let node: NodeID
    private let salt: Salt
    private let versions: WireVersions

    /// Starts a stream from `node`, which speaks these versions.
    public init(keys: ClusterKeys, node: NodeID, versions: WireVersions = .current) {
        let salt = Salt.once()
        self.versions = versions
        self.keys = keys
        self.node = node
        self.salt = salt
        let envelope = Envelope(kind: .hello, keys: keys, sender: node, salt: salt, counter: 0)
        self.hello = envelope.seal(
            Self.body(versions),
            key: keys.helloKey(initiator: node, salt: salt)
        )
    }

    /// Finishes the initiator's side.
    ///
    /// - Throws: ``WireError``; the stream must be closed then.
    public func open(welcome: [UInt8]) throws(WireError) -> StreamChannel {
        guard welcome.count <= Self.byteCount else { throw .tooLarge }
        let envelope = try Envelope(parsing: welcome, expecting: .welcome, keys: self.keys)
        guard welcome.count == Self.byteCount else { throw .truncated }
        guard envelope.sender != self.node else { throw .ownMessage }
        let parties = StreamParties(
            epoch: envelope.epoch,
            initiator: (self.node, self.salt),
            responder: (envelope.sender, envelope.salt)
        )
        let key = try self.keys.streamKey(.welcome, parties)
        let versions = try Self.versions(try envelope.open(welcome, key: key))
        return try StreamChannel(
            peer: envelope.sender,
            peerVersions: versions,
            version: versions.highest(sharedWith: self.versions),
            sealingKey: self.keys.streamKey(.fromInitiator, parties),
            openingKey: self.keys.streamKey(.fromResponder, parties)
        )
    }

    /// Answers a stream's first message.
    ///
    /// - Parameters:
    ///   - hello: the message.
    ///   - keys: the ring and the cluster's name.
    ///   - node: this node.
    ///   - versions: the protocol versions that it speaks.
    /// - Returns: the message to send back, and the channel that follows it.
    /// - Throws: ``WireError``; the stream must be closed without an answer then.
    public static func accept(
        hello: [UInt8],
        keys: ClusterKeys,
        node: NodeID,
        versions: WireVersions = .current
    ) throws(WireError) -> (welcome: [UInt8], channel: StreamChannel) {
        guard hello.count <= Self.byteCount else { throw .tooLarge }
        let envelope = try Envelope(parsing: hello, expecting: .hello, keys: keys)
        guard hello.count == Self.byteCount else { throw .truncated }
        guard envelope.sender != node else { throw .ownMessage }
        let helloKey = try keys.helloKey(
            epoch: envelope.epoch,
            initiator: envelope.sender,
            salt: envelope.salt
        )
        let offered = try Self.versions(try envelope.open(hello, key: helloKey))
        let answer = Envelope(
            kind: .welcome,
            keys: keys,
            epoch: envelope.epoch,
            sender: node,
            salt: .once(),
            counter: 0
        )
        let parties = StreamParties(
            epoch: envelope.epoch,
            initiator: (envelope.sender, envelope.salt),
            responder: (node, answer.salt)
        )
        let channel = try StreamChannel(
            peer: envelope.sender,
            peerVersions: offered,
            version: offered.highest(sharedWith: versions),
            sealingKey: keys.streamKey(.fromResponder, parties),
            openingKey: keys.streamKey(.fromInitiator, parties)
        )
        let key = try keys.streamKey(.welcome, parties)
        return (answer.seal(Self.body(versions), key: key), channel)
    }

    private static func body(_ versions: WireVersions) -> [UInt8] {
        [versions.minimum, versions.maximum]
    }

    private static func versions(_ body: [UInt8]) throws(WireError) -> WireVersions {
        guard body.count == Self.bodyByteCount, body[0] <= body[1] else { throw .malformed }
        return WireVersions(body[0]...body[1])
    }
}
