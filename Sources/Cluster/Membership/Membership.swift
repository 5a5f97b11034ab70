public import MeshPrimitives

/// Who is in the cluster, and who has gone: SWIM with Lifeguard's refinements.
public struct Membership: Sendable {
    /// What the shell must do next, in array order.
    public enum Effect: Equatable, Sendable {
        /// Send one datagram; losing it is allowed.
        case send(MembershipMessage, to: Endpoint)
        /// Send one message by stream, hand its answer (if any) to ``receiveStream(_:from:at:)``.
        ///
        /// When the peer cannot be reached nothing need be reported.
        case stream(MembershipMessage, to: Endpoint)
        /// Send ``streamPing(sequence:target:)`` by stream and report whether an ack came.
        case probeByStream(NodeID, Endpoint, sequence: UInt32)
        /// Call ``wake(at:)`` no earlier than this; a newer wake replaces an older one.
        case wake(at: MonotonicInstant)
        /// Tell observers.
        case event(MembershipEvent)
        /// A member showed the root hash of its replicated records.
        case peerDigest(NodeID, ContentHash)
    }

    /// The root hash of this node's replicated records, shown to every peer.
    public var localDigest = ContentHash.zero

    /// Creates a membership of this node alone.
    public init(
        configuration: MembershipConfiguration,
        profile: MemberProfile,
        incarnation: UInt64,
        generator: SeededGenerator
    ) {}

    /// Remembers members from the last run; call before ``start(seeds:at:)``.
    public mutating func restore(_ known: [MemberUpdate], at now: MonotonicInstant) {}

    /// Starts probing and joins through `seeds` and the members restored.
    public mutating func start(seeds: [Endpoint], at now: MonotonicInstant) -> [Effect] { [] }

    /// Replaces the seeds, after their names were resolved again.
    public mutating func setSeeds(_ seeds: [Endpoint], at now: MonotonicInstant) -> [Effect] {
        []
    }

    /// Takes in one datagram.
    public mutating func receive(
        _ message: MembershipMessage,
        from source: Endpoint,
        at now: MonotonicInstant
    ) -> [Effect] { [] }

    /// Takes in one message of a stream; `answer` goes back on the same stream.
    public mutating func receiveStream(
        _ message: MembershipMessage,
        from peer: NodeID?,
        at now: MonotonicInstant
    ) -> (answer: MembershipMessage?, effects: [Effect]) { (nil, []) }

    /// The message that ``Effect/probeByStream(_:_:sequence:)`` asks to send.
    public func streamPing(sequence: UInt32, target: NodeID) -> MembershipMessage {
        MembershipMessage(
            kind: .ping(sequence: sequence, target: target),
            sender: target,
            senderIncarnation: 0,
            digest: self.localDigest,
            updates: []
        )
    }

    /// Reports how a probe by stream ended.
    public mutating func streamProbeFinished(
        sequence: UInt32,
        succeeded: Bool,
        at now: MonotonicInstant
    ) -> [Effect] { [] }

    /// Does what is due; early, late and repeated wakes are harmless.
    public mutating func wake(at now: MonotonicInstant) -> [Effect] { [] }

    /// Says goodbye; ``MembershipEvent/leaveFinished`` tells when the node may stop.
    public mutating func leave(at now: MonotonicInstant) -> [Effect] { [] }

    /// Drops a failed or left member now instead of when its tombstone expires.
    public mutating func forget(_ id: NodeID, at now: MonotonicInstant) -> [Effect] { [] }

    /// Every member known, this node included, by identity.
    public var members: [Member] { [] }

    /// One member, this node included.
    public func member(_ id: NodeID) -> Member? { nil }

    /// What ``restore(_:at:)`` takes after a restart.
    public var knownMembers: [MemberUpdate] { [] }
}
