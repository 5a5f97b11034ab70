public import MeshChangelog
public import MeshMembership
public import MeshReplication

/// What a node learns from its cluster, in the order it happened.
public enum ClusterEvent: Equatable, Sendable {
    /// A change in who is there.
    case member(MembershipEvent)
    /// Observations now visible here, of this node or a peer, with every renewal.
    case applied([Record])
    /// Observations that ended by age.
    case expired([Record])
    /// Something about the changelog that an operator should see.
    case changelog(ChangelogNotice)
    /// A peer's stamp lies too far ahead of this node's clock: one of the two is wrong.
    case clockRefused(RecordKey, RecordVersion, aheadMilliseconds: UInt64)
    /// Gossip does not get through to an address; told once, then ever more rarely.
    case troubled(PathTrouble)
}
