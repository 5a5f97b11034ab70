public import MeshChangelog
public import MeshPrimitives

/// What a writer is told of a changeset that is durable here.
public struct ChangesetReceipt: Equatable, Sendable {
    /// The changeset; `nil` when everything was there already.
    public let changeset: ChangesetID?
    /// The configuration with it.
    public let head: ChangelogHead
    /// Nodes known to hold it durably, this one included.
    public let holders: [NodeID]
    /// Whether these are as many nodes and regions as a write has to be on.
    public let isConfirmed: Bool

    init(_ receipt: ChangelogReceipt, isConfirmed: Bool) {
        self.changeset = receipt.changeset
        self.head = receipt.head
        self.holders = receipt.holders
        self.isConfirmed = isConfirmed
    }
}

/// The newest configuration of a node, all of one moment and durable there.
public struct ClusterConfigurationState: Sendable {
    /// Which one: its generation and hash.
    public let head: ChangelogHead
    /// Its entities by key; a copy costs nothing.
    public let state: ConfigurationState

    /// Creates a pair that belongs together.
    public init(head: ChangelogHead, state: ConfigurationState) {
        self.head = head
        self.state = state
    }
}
