public import MeshPrimitives

/// One member as this node sees it.
public struct Member: Equatable, Sendable {
    /// What it says about itself.
    public var profile: MemberProfile
    /// The member's own version of itself; it raises this to refute what others say.
    public var incarnation: UInt64
    /// How it stands.
    public var state: MemberState
    /// When this node saw it enter ``state``.
    public var since: MonotonicInstant
    /// The smoothed round trip of direct probes; `nil` until one was answered.
    public var roundTrip: Duration?
    /// Who suspects it, in the order heard; empty unless ``state`` is suspect.
    public var suspectedBy: [NodeID]

    /// Creates a member.
    public init(
        profile: MemberProfile,
        incarnation: UInt64,
        state: MemberState,
        since: MonotonicInstant,
        roundTrip: Duration? = nil,
        suspectedBy: [NodeID] = []
    ) {
        self.profile = profile
        self.incarnation = incarnation
        self.state = state
        self.since = since
        self.roundTrip = roundTrip
        self.suspectedBy = suspectedBy
    }

    /// Who the member is.
    public var id: NodeID { self.profile.id }
}
