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
public struct StreamHandshake: Sendable {
    /// Bytes of each of the two messages, without length prefix.
    public static let byteCount = Envelope.byteCount

    /// The message that the initiator sends first.
    public let hello: [UInt8]

    private let keys: ClusterKeys
    private let node: NodeID
    private let salt: Salt

    /// Starts a stream from `node`.
    public init(keys: ClusterKeys, node: NodeID) {
        let salt = Salt.once()
        self.keys = keys
        self.node = node
        self.salt = salt
        let envelope = Envelope(kind: .hello, keys: keys, sender: node, salt: salt, counter: 0)
        self.hello = envelope.seal([], key: keys.helloKey(initiator: node, salt: salt))
    }

    /// Finishes the initiator's side.
    ///
    /// - Throws: ``WireError``; the stream must be closed then.
    public func open(welcome: [UInt8]) throws(WireError) -> StreamChannel {
        guard welcome.count <= Self.byteCount else { throw .tooLarge }
        let envelope = try Envelope(parsing: welcome, expecting: .welcome, keys: self.keys)
        guard envelope.sender != self.node else { throw .ownMessage }
        let parties = StreamParties(
            epoch: envelope.epoch,
            initiator: (self.node, self.salt),
            responder: (envelope.sender, envelope.salt)
        )
        let key = try self.keys.streamKey(.welcome, parties)
        _ = try envelope.open(welcome, key: key)
        return try StreamChannel(
            peer: envelope.sender,
            sealingKey: self.keys.streamKey(.fromInitiator, parties),
            openingKey: self.keys.streamKey(.fromResponder, parties)
        )
    }

    /// Answers a stream's first message.
    ///
    /// - Returns: the message to send back, and the channel that follows it.
    /// - Throws: ``WireError``; the stream must be closed without an answer then.
    public static func accept(
        hello: [UInt8],
        keys: ClusterKeys,
        node: NodeID
    ) throws(WireError) -> (welcome: [UInt8], channel: StreamChannel) {
        guard hello.count <= Self.byteCount else { throw .tooLarge }
        let envelope = try Envelope(parsing: hello, expecting: .hello, keys: keys)
        guard envelope.sender != node else { throw .ownMessage }
        let helloKey = try keys.helloKey(
            epoch: envelope.epoch,
            initiator: envelope.sender,
            salt: envelope.salt
        )
        _ = try envelope.open(hello, key: helloKey)
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
            sealingKey: keys.streamKey(.fromResponder, parties),
            openingKey: keys.streamKey(.fromInitiator, parties)
        )
        return (answer.seal([], key: try keys.streamKey(.welcome, parties)), channel)
    }
}
