import MeshPrimitives

/// What stands in clear, but under the seal, before every sealed message.
///
///     0      2    3     4             8      10               26            42             50
///     | "MG" | v  | kind| cluster tag | epoch| sender         | salt        | counter      | body…
///                                                             | ------- nonce, 24 -------- |
///
/// The body is followed by a tag of 16 bytes, so the envelope costs 66. Integers are big endian.
struct Envelope: Equatable {
    /// Which state machine a message is for.
    enum Kind: UInt8 {
        case datagram = 1
        case hello = 2
        case welcome = 3
    }

    static let headerByteCount = 50
    static let byteCount = Self.headerByteCount + Sodium.tagByteCount
    static let magic: UInt16 = 0x4D47
    /// What stands for the version in a handshake, which agrees on one; the same for ever.
    static let handshakeVersion: UInt8 = 1

    let kind: Kind
    /// The protocol version of the body; of a handshake ``handshakeVersion``.
    let version: UInt8
    let clusterTag: UInt32
    let epoch: UInt16
    let sender: NodeID
    let salt: Salt
    let counter: UInt64

    /// Reads the header of a message; cheap, and refuses most strays before any cryptography.
    ///
    /// - Throws: ``WireError`` for the first field that is wrong.
    init(
        parsing message: [UInt8],
        expecting kind: Kind,
        keys: ClusterKeys,
        versions: WireVersions = WireVersions(Self.handshakeVersion...Self.handshakeVersion)
    ) throws(WireError) {
        guard message.count >= Self.byteCount else { throw .truncated }
        var reader = WireReader(message[...])
        guard try reader.read(UInt16.self) == Self.magic else { throw .notMeshgate }
        self.version = try reader.read()
        guard versions.contains(self.version) else { throw .unknownVersion }
        guard Kind(rawValue: try reader.read()) == kind else { throw .wrongKind }
        self.kind = kind
        self.clusterTag = try reader.read()
        guard self.clusterTag == keys.tag else { throw .wrongCluster }
        self.epoch = try reader.read()
        self.sender = try reader.readNodeID()
        self.salt = Salt(boot: try reader.read(), entropy: try reader.read())
        self.counter = try reader.read()
    }

    /// Describes a message that this node is about to seal, by default under the sealing epoch.
    init(
        kind: Kind,
        version: UInt8 = Self.handshakeVersion,
        keys: ClusterKeys,
        epoch: UInt16? = nil,
        sender: NodeID,
        salt: Salt,
        counter: UInt64
    ) {
        self.kind = kind
        self.version = version
        self.clusterTag = keys.tag
        self.epoch = epoch ?? keys.sealingEpoch
        self.sender = sender
        self.salt = salt
        self.counter = counter
    }

    /// The whole message: header, sealed body, tag.
    func seal(_ body: [UInt8], key: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(capacity: Self.byteCount + body.count)
        writer.write(Self.magic)
        writer.write(self.version)
        writer.write(self.kind.rawValue)
        writer.write(self.clusterTag)
        writer.write(self.epoch)
        writer.write(self.sender)
        writer.write(self.salt.boot)
        writer.write(self.salt.entropy)
        writer.write(self.counter)
        let header = writer.bytes
        writer.append(
            contentsOf: Sodium.seal(body, header: header, nonce: Array(header[26...]), key: key)
        )
        return writer.bytes
    }

    /// The body of a message that starts with this header.
    ///
    /// - Throws: ``WireError/forged``.
    func open(_ message: [UInt8], key: [UInt8]) throws(WireError) -> [UInt8] {
        let header = message[..<Self.headerByteCount]
        let body = Sodium.open(
            message[Self.headerByteCount...],
            header: header,
            nonce: Array(header[26...]),
            key: key
        )
        guard let body else { throw .forged }
        return body
    }
}
