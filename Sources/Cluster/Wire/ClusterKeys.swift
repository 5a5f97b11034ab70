public import MeshMembership
import MeshPrimitives

/// A key ring bound to a cluster's name: what seals and opens, and which key a message is under.
///
///     cluster key (epoch)  = BLAKE2b(key: ring key, "meshgate cluster 1" ‖ name)
///     message key          = BLAKE2b(key: cluster key, purpose ‖ parties and their salts)
///
/// Two clusters with one ring but two names cannot open each other's messages, and one sender's
/// mistake with a nonce cannot touch another's messages, for each sender has its own keys.
public struct ClusterKeys: Sendable {
    /// The first bytes of the hash of the cluster's name, in clear in every envelope.
    let tag: UInt32
    /// The epoch that seals.
    let sealingEpoch: UInt16
    private let sealingRoot: [UInt8]
    private let roots: [UInt16: [UInt8]]

    /// Binds `ring` to the cluster called `clusterName`.
    public init(ring: KeyRing, clusterName: String) {
        let name = Array("meshgate cluster 1".utf8) + Array(clusterName.utf8)
        self.tag = Sodium.hash(name, byteCount: 16).prefix(4)
            .reduce(0) { ($0 << 8) | UInt32($1) }
        self.sealingEpoch = ring.sealingEpoch
        let root = { Sodium.hash(name, key: $0, byteCount: Sodium.keyByteCount) }
        self.roots = ring.secrets.mapValues(root)
        self.sealingRoot = root(ring.sealingSecret)
    }

    /// Derives the key that seals one sender's datagrams in one session.
    func datagramKey(sender: NodeID, salt: Salt) -> [UInt8] {
        self.derive("datagram", root: self.sealingRoot, parties: [(sender, salt)])
    }

    /// Derives the key that opens one sender's datagrams in one session.
    func datagramKey(epoch: UInt16, sender: NodeID, salt: Salt) throws(WireError) -> [UInt8] {
        self.derive("datagram", root: try self.root(of: epoch), parties: [(sender, salt)])
    }

    /// Derives the key that seals a stream's first message.
    func helloKey(initiator: NodeID, salt: Salt) -> [UInt8] {
        self.derive("hello", root: self.sealingRoot, parties: [(initiator, salt)])
    }

    /// Derives the key that opens a stream's first message, which anyone may replay.
    func helloKey(epoch: UInt16, initiator: NodeID, salt: Salt) throws(WireError) -> [UInt8] {
        self.derive("hello", root: try self.root(of: epoch), parties: [(initiator, salt)])
    }

    /// Derives a key that needs both sides' salts, so that nothing under it can be replayed.
    func streamKey(
        _ purpose: StreamPurpose,
        _ parties: StreamParties
    ) throws(WireError) -> [UInt8] {
        self.derive(
            purpose.rawValue,
            root: try self.root(of: parties.epoch),
            parties: [parties.initiator, parties.responder]
        )
    }

    private func root(of epoch: UInt16) throws(WireError) -> [UInt8] {
        guard let root = self.roots[epoch] else { throw .unknownKeyEpoch }
        return root
    }

    private func derive(
        _ purpose: String,
        root: [UInt8],
        parties: [(node: NodeID, salt: Salt)]
    ) -> [UInt8] {
        var writer = ByteWriter(capacity: 96)
        writer.write(purpose)
        for (node, salt) in parties {
            writer.write(node)
            writer.write(salt.boot)
            writer.write(salt.entropy)
        }
        return Sodium.hash(writer.bytes, key: root, byteCount: Sodium.keyByteCount)
    }
}

/// Both sides of a stream, as they go into its keys.
struct StreamParties {
    /// The key epoch that the initiator chose.
    let epoch: UInt16
    let initiator: (node: NodeID, salt: Salt)
    let responder: (node: NodeID, salt: Salt)
}

/// What a key made from both sides of a stream seals.
enum StreamPurpose: String {
    /// The responder's proof that it holds the key and is there now.
    case welcome
    /// Frames from the side that connected.
    case fromInitiator = "from initiator"
    /// Frames from the side that accepted.
    case fromResponder = "from responder"
}

/// What makes one start of one sender different from every other: 16 bytes of each nonce.
///
/// Only the first eight bytes mean something to a receiver: they order a sender's starts.
public struct Salt: Hashable, Sendable {
    /// Higher at every start of the same node; the node keeps a count on its disk.
    public let boot: UInt64
    /// Drawn fresh at every start, so that a wiped or restored disk repeats no nonce.
    let entropy: UInt64

    /// The salt of a start, as its node's record names it.
    public init(_ start: MemberStart) {
        self.init(boot: start.boot, entropy: start.token)
    }

    init(boot: UInt64, entropy: UInt64) {
        self.boot = boot
        self.entropy = entropy
    }

    /// Draws a salt that orders nothing, for one stream.
    static func once() -> Salt {
        let bytes = Sodium.entropy(byteCount: 16)
        let half = { (half: ArraySlice<UInt8>) in half.reduce(UInt64(0)) { ($0 << 8) | UInt64($1) }
        }
        return Salt(boot: half(bytes[..<8]), entropy: half(bytes[8...]))
    }
}
