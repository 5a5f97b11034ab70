public import MeshPrimitives

/// One message between two memberships, by datagram or stream.
public struct MembershipMessage: Equatable, Sendable {
    /// What the sender wants.
    public enum Kind: Equatable, Sendable {
        /// Answer with an ack of the same number, if you are `target`.
        case ping(sequence: UInt32, target: NodeID)
        /// The target of the numbered ping (or ping request) lives.
        case ack(sequence: UInt32)
        /// The relay asked by the numbered ping request lives, but its target did not answer it; or the
        /// node that the numbered ping came to is not its target.
        case nack(sequence: UInt32)
        /// Ping `target` for me and report by ack or nack of my number.
        ///
        /// `endpoint` is where the asker reaches the target; relays use their own table instead.
        case pingRequest(sequence: UInt32, target: NodeID, endpoint: Endpoint)
        /// Nothing but the updates.
        case gossip
        /// By stream only: the updates are all I know; answer with all you know.
        case sync
        /// By stream only: all the answering node knows.
        case syncAnswer
        /// By stream only: these are the hashes of my view; answer with yours where it differs.
        case compare(digests: [UInt32])
        /// By stream only: what the answering node knows where the views differ, by these buckets.
        case comparison(differing: [UInt8])
        /// By stream only: what the asking node knows there.
        case difference
        /// By stream only: you may not join, since this living member, whose record goes with it, has
        /// your name.
        case refusal(nameHolder: NodeID)
    }

    /// Upper bound of the bytes beside the updates, record header included: 96.
    ///
    /// Record header 6, kind 1, incarnation 8, digest 16, mesh 9, sequence 4, target 16, endpoint 19,
    /// number of updates 2; the rest is reserve.
    public static let fixedByteCount = 96

    /// What the sender wants.
    public var kind: Kind
    /// Who sends.
    public var sender: NodeID
    /// The sender's own incarnation.
    public var senderIncarnation: UInt64
    /// The root hash of the sender's changelog; carried for it.
    public var digest: ContentHash
    /// Which mesh the sender belongs to.
    public var mesh: MeshClaim
    /// Claims piggybacked, the most important first.
    public var updates: [MemberUpdate]

    /// Creates a message.
    public init(
        kind: Kind,
        sender: NodeID,
        senderIncarnation: UInt64,
        digest: ContentHash,
        mesh: MeshClaim,
        updates: [MemberUpdate]
    ) {
        self.kind = kind
        self.sender = sender
        self.senderIncarnation = senderIncarnation
        self.digest = digest
        self.mesh = mesh
        self.updates = updates
    }

    /// Upper bound of the bytes on the wire, before sealing.
    public var wireByteCount: Int {
        let extra =
            switch self.kind {
            case .compare(let digests): 4 * digests.count
            case .comparison(let differing): differing.count
            default: 0
            }
        return self.updates.reduce(Self.fixedByteCount + extra) { $0 + $1.wireByteCount }
    }
}
