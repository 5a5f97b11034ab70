public import MeshChangelog
public import MeshMembership
public import MeshPrimitives

/// A node's own key pair, from 32 secret bytes that stay on its disk.
///
/// Made with the store, at the first start. The node's identity is the hash of the public half.
public struct NodeKey: Sendable {
    /// Bytes of the secret: 32.
    public static let seedByteCount = Sodium.keyByteCount

    /// The secret; only for the disk.
    public let seed: [UInt8]
    /// The public half.
    public let key: [UInt8]
    private let secret: [UInt8]

    /// Takes the key of a store; `nil` when it is not 32 bytes.
    public init?(seed: [UInt8]) {
        guard seed.count == Self.seedByteCount else { return nil }
        (self.key, self.secret) = Sodium.keyPair(seed: seed)
        self.seed = seed
    }

    private init(drawn seed: [UInt8]) {
        (self.key, self.secret) = Sodium.keyPair(seed: seed)
        self.seed = seed
    }

    /// Draws a key from the kernel's generator.
    public static func generated() -> NodeKey {
        NodeKey(drawn: Sodium.entropy(byteCount: Self.seedByteCount))
    }

    /// Who has this key, and what it can do with it.
    public var identity: MemberIdentity {
        let secret = self.secret
        return MemberIdentity(
            node: NodeID(key: self.key),
            key: self.key,
            sign: { Sodium.sign($0, secret: secret) },
            verify: { Sodium.verify($0, of: $1, key: $2) }
        )
    }
}

extension MemberIdentity {
    /// How this node seals its changesets: public key 32, signature 64.
    public var writerKeys: WriterKeys {
        let (key, sign, verify) = (self.key, self.sign, self.verify)
        return WriterKeys(
            seal: { key + sign($0) },
            isGenuine: { node, seal, bytes in
                guard seal.count == key.count + SignedRecord.signatureByteCount else {
                    return false
                }
                let theirs = Array(seal.prefix(key.count))
                return NodeID(key: theirs) == node
                    && verify(Array(seal.dropFirst(key.count)), bytes, theirs)
            }
        )
    }
}

extension NodeKey: CustomStringConvertible, CustomReflectable {
    /// The identity only, so that no log or error ever shows the secret.
    public var description: String { "key of \(NodeID(key: self.key))" }

    /// Hides the secret from `dump` and debuggers.
    public var customMirror: Mirror { Mirror(self, children: ["node": NodeID(key: self.key)]) }
}

extension NodeID {
    /// The identity of a public key: the first 16 bytes of BLAKE2b over it.
    public init(key: [UInt8]) {
        let digest = Sodium.hash(key, byteCount: 16)
        let half = { (range: Range<Int>) in
            digest[range].reduce(UInt64(0)) { ($0 << 8) | UInt64($1) }
        }
        self.init(high: half(0..<8), low: half(8..<16))
    }
}

extension MemberStart {
    /// Draws a start; `boot` must be higher than at every start of the store before.
    public init(boot: UInt64) {
        let bytes = Sodium.entropy(byteCount: 8)
        self.init(boot: boot, token: bytes.reduce(0) { ($0 << 8) | UInt64($1) })
    }
}
