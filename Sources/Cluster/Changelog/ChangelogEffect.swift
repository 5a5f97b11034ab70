public import MeshPrimitives

/// What the shell must do next for a ``Changelog``, in array order.
public enum ChangelogEffect: Equatable, Sendable {
    /// Send one datagram; losing it is allowed.
    case send(ChangelogMessage, to: NodeID)
    /// Send over a reliable stream; losing it costs a timeout.
    case stream(ChangelogMessage, to: NodeID)
    /// Make all of this durable in one transaction, as ``ChangelogBatch/prepared(by:)`` gives it,
    /// then answer ``Changelog/persisted(_:_:at:)`` or ``Changelog/persistFailed(_:reason:at:)`` with
    /// the token.
    ///
    /// At most two at a time, in any order: changesets, and a checkpoint of older ones.
    case persist(ChangelogBatch, token: UInt64)
    /// There is a newer state; read ``Changelog/state``. Level-triggered: missing one is harmless.
    case changed
    /// A write is durable where it has to be.
    case acknowledged(ticket: UInt64, ChangelogReceipt)
    /// A write is durable here, but not yet on as many nodes as it has to be.
    case unconfirmed(ticket: UInt64, ChangelogReceipt)
    /// A write was not done.
    case rejected(ticket: UInt64, ChangelogError)
    /// Something that an operator should see.
    case notice(ChangelogNotice)
    /// Call ``Changelog/wake(at:)`` no earlier than this; a newer wake replaces an older one.
    case wake(at: MonotonicInstant)
}

/// What one transaction on disk changes.
public struct ChangelogBatch: Equatable, Sendable {
    /// The store's writer identity, when it is new.
    public var writer: WriterID?
    /// A checkpoint that replaces the stored one.
    public var checkpoint: StoredCheckpoint?
    /// What it is to be made of, which takes long.
    var folding: Folding?
    /// Changesets to delete, before others are added.
    public var removed: [ChangesetID] = []
    /// Changesets to add.
    public var added: [EncodedChangeset] = []
    /// Changesets to keep aside until they are written again.
    public var displaced: [EncodedChangeset] = []
    /// Hashes of kept-aside changesets that need not be kept any longer.
    public var settled: [ContentHash] = []
    /// Whether nothing was held when it was made, so that an index is worth working out.
    var isFirst = false

    /// Creates a batch that changes nothing.
    public init() {}

    /// Whether there is nothing to do.
    public var isEmpty: Bool { self == ChangelogBatch() }
}

/// A checkpoint as it is kept on disk.
public struct StoredCheckpoint: Equatable, Sendable {
    /// ``Checkpoint/encoded``.
    public let bytes: [UInt8]
    /// Conflicts among what was folded, ``Conflict/encoded(_:)``.
    public let conflicts: [UInt8]

    /// Creates a stored checkpoint.
    public init(bytes: [UInt8], conflicts: [UInt8]) {
        self.bytes = bytes
        self.conflicts = conflicts
    }
}

/// All that a store holds, as it was read at start.
public struct StoredChangelog: Equatable, Sendable {
    /// The store's writer identity; `nil`: a new store.
    public var writer: WriterID?
    /// The checkpoint; `nil`: none was made.
    public var checkpoint: StoredCheckpoint?
    /// Changesets as bytes, in any order.
    public var changesets: [[UInt8]] = []
    /// Changesets that wait to be written again.
    public var displaced: [[UInt8]] = []

    /// Creates an empty store.
    public init() {}
}

/// What a writer is told.
public struct ChangelogReceipt: Equatable, Sendable {
    /// The changeset; `nil` when nothing had to change.
    public let changeset: ChangesetID?
    /// The configuration with it.
    public let head: ChangelogHead
    /// Nodes known to hold it durably, this one included, ascending.
    public let holders: [NodeID]

    /// Creates a receipt.
    public init(changeset: ChangesetID?, head: ChangelogHead, holders: [NodeID]) {
        self.changeset = changeset
        self.head = head
        self.holders = holders
    }
}

/// Something that an operator should see.
public enum ChangelogNotice: Equatable, Sendable {
    /// Peers hold changesets under this store's name that it has not, so it was copied or restored
    /// from an older copy; it goes on under a new name.
    case writerReplaced(WriterID, by: WriterID)
    /// Two contents exist under one name; the second does not stand and is written again.
    case twoContents(ChangesetID, ContentHash, ContentHash)
    /// A changeset lies too many generations ahead: its writer is damaged or lies.
    case generationAhead(ChangesetID, generation: UInt64, held: UInt64)
    /// A changeset came after others had folded its place; it is written again, marked late.
    case cameLate(ChangesetID)
    /// A peer sent what is no changeset or checkpoint.
    case malformed(NodeID, reason: String)
    /// The disk failed; tried again from time to time.
    case notSaved(reason: String)
    /// The disk works again.
    case savedAgain
    /// A changeset changes nothing, because the result would break a rule.
    case refused(ChangesetID, reason: String)
    /// Two changesets changed one entity without having seen each other.
    case conflict(Conflict)
}
