public import MeshDissemination
public import MeshPrimitives

/// One claim about one member, as it travels between nodes.
///
/// At equal incarnation the state with the higher raw value wins; a higher incarnation always wins.
/// So claims may be repeated and reordered at will.
public struct MemberUpdate: Equatable, Sendable {
    /// The highest incarnation a node believes; above it, refuting could not count further.
    public static let incarnationLimit = UInt64(1) << 62

    /// The member the claim is about.
    public var profile: MemberProfile
    /// Which version of the member the claim is about.
    public var incarnation: UInt64
    /// What is claimed.
    public var state: MemberState
    /// Who claims it: of a suspicion, the node whose own probe failed.
    public var reporter: NodeID

    /// Creates a claim.
    public init(
        profile: MemberProfile,
        incarnation: UInt64,
        state: MemberState,
        reporter: NodeID
    ) {
        self.profile = profile
        self.incarnation = incarnation
        self.state = state
        self.reporter = reporter
    }

    /// Bytes on the wire, record header included.
    ///
    /// Record header 8, profile, incarnation 8, state 1, reporter 16. The codec must not need more.
    public var wireByteCount: Int { 8 + self.profile.wireByteCount + 8 + 1 + 16 }

    /// Whether a node may believe the claim at all.
    public var isWithinLimits: Bool {
        self.incarnation <= Self.incarnationLimit && self.profile.isWithinLimits
    }
}

extension MemberUpdate: BroadcastItem {
    /// The member the claim is about.
    public var subject: NodeID { self.profile.id }

    /// Whether the claim comes in place of an older one about the same member.
    ///
    /// Suspicions of one incarnation by different accusers stay side by side.
    public func replaces(_ older: MemberUpdate) -> Bool {
        let isSameSuspicion =
            self.state == .suspect && older.state == .suspect
            && self.incarnation == older.incarnation
        return isSameSuspicion ? self.reporter == older.reporter : true
    }
}
