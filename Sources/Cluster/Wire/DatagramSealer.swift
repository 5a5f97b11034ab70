public import MeshMembership
public import MeshPrimitives

/// Seals one node's datagrams of one start.
///
/// The nonce is the start's salt and a counter, so no nonce repeats and none is kept on disk.
public struct DatagramSealer: Sendable {
    /// Most bytes of a datagram: what passes paths of 1,500 bytes with room for tunnels.
    public static let byteLimit = 1_400
    /// Most bytes of a body that fits a datagram.
    public static let bodyByteLimit = Self.byteLimit - Envelope.byteCount

    private var keys: ClusterKeys
    private let sender: NodeID
    private let salt: Salt
    private var key: [UInt8]
    private var counter: UInt64 = 0

    /// Starts a session of `sender`.
    ///
    /// - Parameters:
    ///   - keys: the ring and the cluster's name.
    ///   - sender: this node.
    ///   - start: this start, which the node's record names too.
    public init(keys: ClusterKeys, sender: NodeID, start: MemberStart) {
        self.keys = keys
        self.sender = sender
        self.salt = Salt(start)
        self.key = keys.datagramKey(sender: sender, salt: self.salt)
    }

    /// Goes on with other keys; the counter goes on, too, so that nothing opens twice.
    public mutating func replace(_ keys: ClusterKeys) {
        self.keys = keys
        self.key = keys.datagramKey(sender: self.sender, salt: self.salt)
    }

    /// Seals `body` into one datagram.
    ///
    /// - Parameters:
    ///   - body: at most ``bodyByteLimit`` bytes.
    ///   - version: the protocol version that it is written in.
    /// - Returns: the datagram.
    /// - Throws: ``WireError/tooLarge``; nothing changes then.
    public mutating func seal(
        _ body: [UInt8],
        version: UInt8 = WireVersions.current.maximum
    ) throws(WireError) -> [UInt8] {
        guard body.count <= Self.bodyByteLimit else { throw .tooLarge }
        self.counter += 1
        let envelope = Envelope(
            kind: .datagram,
            version: version,
            keys: self.keys,
            sender: self.sender,
            salt: self.salt,
            counter: self.counter
        )
        return envelope.seal(body, key: self.key)
    }
}
