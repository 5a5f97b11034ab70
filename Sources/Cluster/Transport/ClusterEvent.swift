public import MeshChangelog
public import MeshMembership
public import MeshWire

/// What a node learns from its cluster, in the order it happened.
public enum ClusterEvent: Equatable, Sendable {
    /// A change in who is there.
    case member(MembershipEvent)
    /// Something about the changelog that an operator should see.
    case changelog(ChangelogNotice)
    /// The mesh's keys have changed.
    case keys(KeyRing)
    /// Gossip does not get through to an address; told once, then ever more rarely.
    case troubled(PathTrouble)
}
