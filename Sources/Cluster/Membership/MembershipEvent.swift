public import MeshPrimitives

/// What an observer of the membership learns, in the order it happened.
public enum MembershipEvent: Equatable, Sendable {
    /// A member appeared that this node did not know, in whatever state it was told.
    case joined(Member)
    /// A member changed state, incarnation or profile.
    case changed(Member, from: MemberState)
    /// A member was dropped: reaped, forgotten, or replaced by a new one of its name.
    case removed(NodeID, name: String)
    /// Somebody thought this node gone; it raised its incarnation to this.
    case refuted(incarnation: UInt64)
    /// Peers knew a later start of this node's identity, at `other`: the disk was put back to an older
    /// state, or a copy of it runs elsewhere.
    ///
    /// The node has counted on past it.
    case outlived(other: Endpoint, boot: UInt64)
    /// A second process of this node's identity lives at `other`.
    ///
    /// The younger of the two falls silent; `hasYielded` tells whether that is this one.
    case twin(other: Endpoint, hasYielded: Bool)
    /// A living member, or one that failed just now, has the name that another claims.
    ///
    /// When `refused` is this node, it was not let in.
    case nameConflict(holder: MemberProfile, refused: MemberProfile)
    /// The mesh that this node belongs to stays what it is from here on.
    case meshFounded(MeshID)
    /// A node of another mesh has called, or was called: the two stay apart.
    case foreignMesh(MeshID, MemberProfile)
    /// This node's own probes fail for most of its peers, so it holds back unconfirmed suspicions.
    case isolated
    /// This node's probes succeed again.
    case connected
    /// Most of this node's own pings are lost where relays succeed, or it hears nobody at all: it asks
    /// to be taken for failed until it is well again.
    case withdrew
    /// This node was well for long enough to be taken back.
    case resumed
    /// The goodbye was told; the node may stop.
    case leaveFinished
}
