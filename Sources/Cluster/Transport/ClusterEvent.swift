public import MeshMembership
public import MeshReplication

/// What a node learns from its cluster, in the order it happened.
public enum ClusterEvent: Equatable, Sendable {
    /// A change in who is there.
    case member(MembershipEvent)
    /// Records now visible here, written locally or by a peer, deletions included.
    ///
    /// Durable ones only when their content changed, and after they were saved; ephemeral ones with
    /// every renewal.
    case applied([Record])
    /// Ephemeral records that ended by age.
    case expired([Record])
    /// Two writers changed a record without seeing each other; the loser is kept nowhere else.
    case conflict(winner: Record, loser: Record)
    /// A peer's stamp lies too far ahead of this node's clock: one of the two is wrong.
    case clockRefused(RecordKey, RecordVersion, aheadMilliseconds: UInt64)
    /// Deletions old enough to be removed from disk, these versions exactly.
    case collected([Record])
    /// Gossip does not get through to an address; told once, then ever more rarely.
    case troubled(PathTrouble)
    /// Saving failed; the records are in use and will be tried again.
    case saveFailed(reason: String)
}
