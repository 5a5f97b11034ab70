public import MeshPrimitives

extension Replication {
    /// What the shell must do next, in array order.
    public enum Effect: Equatable, Sendable {
        /// Send one datagram; losing it is allowed.
        case send(ReplicationMessage, to: NodeID)
        /// Send over a reliable stream; losing it costs a timeout.
        case stream(ReplicationMessage, to: NodeID)
        /// Make these durable in one transaction before carrying out the effects that follow.
        case persist([Record])
        /// Now visible here, written locally or by a peer, deletions included.
        ///
        /// Together: the records of one changeset or message. Durable ones only when their content
        /// changed; ephemeral ones with every renewal.
        case applied([Record])
        /// These ephemeral records ended by age or because they were deleted too long ago.
        case expired([Record])
        /// Two writers changed the same record without seeing each other; the loser is not kept
        /// here, so write it to the conflict log.
        case conflict(winner: Record, loser: Record)
        /// A peer's stamp lies too far ahead of this node's clock: one of the two is wrong.
        ///
        /// Reported once per version.
        case clockRefused(RecordKey, RecordVersion, aheadMilliseconds: UInt64)
        /// These deletions are old enough to be forgotten: remove exactly these versions from disk.
        ///
        /// Losing this is harmless; they are offered again after a restart.
        case collected([Record])
        /// Call ``Replication/wake(at:)`` no earlier than this; a newer wake replaces an older one.
        case wake(at: MonotonicInstant)
    }
}
