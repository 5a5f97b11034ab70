public import Logging
public import MeshMembership
public import MeshPrimitives
public import MeshReplication
public import ServiceLifecycle

/// One node's part in its cluster: sockets, clocks and timers around the pure cores.
///
/// All work happens on one event-loop thread, each input to completion; a stall here never stops a
/// worker of the data plane. The store can be written and read before ``run()`` and after it.
public final class ClusterService: Service, Sendable {
    /// Makes records durable in one transaction; called from the loop's thread, one at a time.
    public typealias Save = @Sendable ([Record]) async throws -> Void

    /// What happened, for a single consumer; the oldest of more than 8,192 unread events go first.
    public let events: AsyncStream<ClusterEvent>

    /// Creates the service; nothing is bound or sent before ``run()``.
    ///
    /// - Parameters:
    ///   - configuration: validated settings.
    ///   - records: what the disk held.
    ///   - knownMembers: what ``knownMembers()`` gave before the last stop.
    ///   - save: makes records durable.
    ///   - logger: where refused binds, failed saves and lost peers are told.
    public init(
        configuration: ClusterConfiguration,
        records: [Record],
        knownMembers: [MemberUpdate],
        save: @escaping Save,
        logger: Logger
    ) {
        self.events = AsyncStream { _ in }
    }

    /// The clock that every ``MeshPrimitives/MonotonicInstant`` of this service is read from.
    public static func now() -> MonotonicInstant { MonotonicInstant(nanoseconds: 0) }

    /// Binds, joins and serves until cancelled (at once) or shut down gracefully (with goodbye).
    ///
    /// - Throws: ``ClusterError/bindFailed(_:reason:)``.
    public func run() async throws {}

    /// The bound address; waits for ``run()`` to bind, `nil` when it failed or has ended.
    public func boundEndpoint() async -> Endpoint? { nil }

    /// Writes one changeset; durable before any peer hears of it and before this returns.
    ///
    /// - Returns: the records written, without those whose content was the same before.
    /// - Throws: ``ClusterError``, or ``MeshReplication/ReplicationError``; nothing is changed then.
    public func write(
        _ changes: [RecordChange],
        urgency: RecordUrgency
    ) async throws -> [Record] { [] }

    /// Every member known, this node included.
    public func members() async -> [Member] { [] }

    /// What to keep on disk for the next start.
    public func knownMembers() async -> [MemberUpdate] { [] }

    /// Records of one kind without deletions, in key order.
    public func records(of kind: RecordKind) async -> [Record] { [] }

    /// The record of a key, a deletion too.
    public func record(_ key: RecordKey) async -> Record? { nil }

    /// How the service stands.
    public func status() async -> ClusterStatus? { nil }

    /// Says goodbye and waits until it was told; the node then answers no probes.
    public func leave() async {}

    /// Drops a failed or left member now.
    public func forget(_ id: NodeID) async {}

    /// Replaces the seeds, after their names were resolved again.
    public func setSeeds(_ seeds: [Endpoint]) async {}
}
