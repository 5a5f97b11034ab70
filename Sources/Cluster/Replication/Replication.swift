public import MeshPrimitives

/// One node's copy of everything the mesh shares.
public struct Replication: Sendable {
    /// What happened so far.
    public private(set) var counters = ReplicationCounters()

    /// Creates a store holding what was on disk.
    ///
    /// - Parameters:
    ///   - configuration: validated settings.
    ///   - node: this node.
    ///   - records: what the disk held; ephemeral and invalid ones are dropped.
    ///   - hash: a cryptographic hash, the same at every node.
    ///   - generator: picks peers.
    public init(
        configuration: ReplicationConfiguration,
        node: NodeID,
        records: [Record],
        hash: @escaping @Sendable ([UInt8]) -> ContentHash,
        generator: SeededGenerator
    ) {}

    /// Hash over all durable records; equal at two nodes that hold the same.
    public var rootDigest: ContentHash { .zero }
    /// Hash over the configuration.
    public var configurationHash: ContentHash { .zero }
    /// The highest stamp of all entity records, deletions included.
    public var configurationStamp: HybridTimestamp { .zero }

    /// Records of one kind without deletions, in key order.
    public func records(of kind: RecordKind) -> [Record] { [] }
    /// The record of a key, a deletion too.
    public func record(_ key: RecordKey) -> Record? { nil }

    /// Writes one changeset of this node.
    ///
    /// - Throws: ``ReplicationError``; nothing is changed then.
    public mutating func write(
        _ changes: [RecordChange],
        urgency: RecordUrgency,
        wallMilliseconds: UInt64,
        at now: MonotonicInstant
    ) throws(ReplicationError) -> [Effect] { [] }

    /// Takes in one message; may be hostile.
    public mutating func receive(
        _ message: ReplicationMessage,
        from sender: NodeID,
        wallMilliseconds: UInt64,
        at now: MonotonicInstant
    ) -> [Effect] { [] }

    /// Sets who is alive, this node excluded or not.
    public mutating func setPeers(_ alive: [NodeID], at now: MonotonicInstant) -> [Effect] { [] }

    /// Learns a peer's root digest from a probe or its answer.
    public mutating func peerDigest(
        _ peer: NodeID,
        _ digest: ContentHash,
        at now: MonotonicInstant
    ) -> [Effect] { [] }

    /// Moves on if a deadline has passed; early and spurious wakes are harmless.
    public mutating func wake(at now: MonotonicInstant) -> [Effect] { [] }
}
