public import MeshPrimitives

/// One member as this node sees it.
public struct Member: Equatable, Sendable {
    /// What it says about itself, as it signed it.
    public var signed: SignedRecord
    /// How it stands.
    public var state: MemberState
    /// When it entered ``state``, as far as this node was told.
    public var since: MonotonicInstant
    /// When this node first knew it; an hour ago at the restart that restored it.
    var met: MonotonicInstant
    /// The smoothed round trip of direct probes; `nil` until one was answered.
    public var roundTrip: Duration?
    /// What is said against it, in the order heard; empty while it is alive or has left by itself.
    public var charges: [Charge]

    /// Creates a member.
    public init(
        signed: SignedRecord,
        state: MemberState,
        since: MonotonicInstant,
        roundTrip: Duration? = nil,
        charges: [Charge] = []
    ) {
        self.signed = signed
        self.state = state
        self.since = since
        self.met = since
        self.roundTrip = roundTrip
        self.charges = charges
    }

    /// Who the member is.
    public var id: NodeID { self.signed.id }

    /// How long this node had known it when it went, in a few classes, so that nodes agree on it: less
    /// than a minute, ten minutes, an hour, or more, as of one that had gone before.
    var lived: Int {
        let lived = self.met.duration(to: self.since)
        guard lived >= .zero else { return Self.lives.count }
        return Self.lives.firstIndex { lived < $0 } ?? Self.lives.count
    }

    private static let lives = [Duration.seconds(60), .seconds(600), Self.unknownLife]

    /// What a member counts as having lived of which this node has not seen it.
    static let unknownLife = Duration.seconds(3_600)

    /// Its names, place and versions.
    public var profile: MemberProfile { self.signed.record.profile }

    /// The member's own version of itself.
    public var incarnation: UInt64 { self.signed.record.incarnation }

    /// Who suspects it, in the order heard; empty unless ``state`` is suspect.
    public var suspectedBy: [NodeID] {
        self.state == .suspect ? self.charges.map(\.accusation.accuser) : []
    }

    /// Whether an operator declared it gone, not the member itself.
    public var isExpelled: Bool {
        self.state == .left && !self.signed.record.hasLeft
    }
}
