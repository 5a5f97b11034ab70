public import MeshPrimitives

/// What one changelog says to another.
///
/// ``push(_:wantsAnswer:)``, ``announce(root:generation:wantsAnswer:)`` and ``held(_:)`` travel as
/// datagrams and may be lost. The rest travels over streams, or in datagrams one after the other to a
/// peer that streams do not reach:
///
///     a --inquiry--> b      what a holds, when the roots differ
///     a <--summary-- b      what b holds
///     a --want--> b         what a holds by now, and how far it is with the next one
///     a <--parts-- b        a chunk of what a lacks, in the order of applying; a asks again
///
/// In that order, whatever arrived so far includes all that its writers had seen. The answering side
/// keeps no state, and a session that breaks goes on with any other peer.
public enum ChangelogMessage: Equatable, Sendable {
    /// Changesets that are news and fit a datagram.
    case push([ChangesetPart], wantsAnswer: Bool)
    /// What the sender holds, for those who lack some of it.
    case announce(root: ContentHash, generation: UInt64, wantsAnswer: Bool)
    /// The sender holds these durably.
    case held([ChangesetID: ContentHash])
    /// Asks for a summary, and gives the sender's.
    case inquiry(ChangelogSummary)
    /// The answer to an inquiry.
    case summary(ChangelogSummary)
    /// Asks for changesets that the vector does not include, the first perhaps from its middle on.
    case want(VersionVector, progress: PartProgress?)
    /// Some of what was wanted; `isLast` when it is all.
    case parts([ChangesetPart], isLast: Bool)
    /// Asks for a part of the checkpoint with this hash.
    case wantCheckpoint(ContentHash, offset: UInt64)
    /// A part of a checkpoint; no bytes when the sender has another one by now.
    case checkpointPart(ContentHash, total: UInt64, offset: UInt64, bytes: [UInt8])
}

/// How a message between changelogs travels.
public enum ChangelogPath: Sendable {
    /// One datagram; losing it is allowed.
    case datagram
    /// The stream to the peer; losing it costs time.
    case stream
}

/// What a node holds, in as few bytes as others need to see what they lack.
public struct ChangelogSummary: Equatable, Sendable {
    /// All that it holds durably.
    public let vector: VersionVector
    /// What of it is folded, so that it cannot be had as changesets.
    public let floor: VersionVector
    /// The place of the last one folded.
    public let horizon: ChangesetPosition
    /// The hash of its checkpoint; zero for none.
    public let checkpoint: ContentHash

    /// Creates a summary.
    public init(
        vector: VersionVector,
        floor: VersionVector,
        horizon: ChangesetPosition,
        checkpoint: ContentHash
    ) {
        self.vector = vector
        self.floor = floor
        self.horizon = horizon
        self.checkpoint = checkpoint
    }
}

/// How much of a changeset has arrived.
public struct PartProgress: Hashable, Sendable {
    /// The hash of the whole.
    public let hash: ContentHash
    /// Bytes there already, from the start.
    public let offset: UInt64

    /// Creates a progress.
    public init(hash: ContentHash, offset: UInt64) {
        self.hash = hash
        self.offset = offset
    }
}

/// A stretch of a changeset's bytes, perhaps all of them.
public struct ChangesetPart: Equatable, Sendable {
    /// Which changeset.
    public let id: ChangesetID
    /// The hash of the whole.
    public let hash: ContentHash
    /// Bytes of the whole.
    public let total: UInt64
    /// Where the stretch begins.
    public let offset: UInt64
    /// The stretch.
    public let bytes: [UInt8]

    /// Creates a part.
    public init(
        id: ChangesetID,
        hash: ContentHash,
        total: UInt64,
        offset: UInt64,
        bytes: [UInt8]
    ) {
        self.id = id
        self.hash = hash
        self.total = total
        self.offset = offset
        self.bytes = bytes
    }

    /// Bytes of a part in a message, its content aside.
    public static let overhead = 66
}
