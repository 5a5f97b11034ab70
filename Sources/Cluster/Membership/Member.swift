public import MeshPrimitives

/// One member as this node sees it.
public struct Member: Equatable, Sendable {
    /// What it says about itself, as it signed it.
    public var signed: SignedRecord
    /// How it stands.
    public var state: MemberState
    /// When it entered ``state``, as far as this node was told.
    public var since: MonotonicInstant
    /// When it was first known to this node, or to whoever told this node of it.
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

    /// Creates a member as this node is told of it, or remembers it.
    ///
    /// - Parameters:
    ///   - signed: what it says of itself.
    ///   - age: for how many seconds it has been known, or of a goodbye, how many seconds old that is.
    ///   - lifetime: for how long who is gone is remembered.
    ///   - now: the current moment.
    init(
        _ signed: SignedRecord,
        age: UInt32,
        within lifetime: Duration,
        at now: MonotonicInstant
    ) {
        let state = signed.record.state
        // For how long a member has withdrawn nobody tells: it must not count as gone for as long as it is known.
        let since = state == .failed ? now : now.before(age: age, atMost: lifetime)
        self.init(signed: signed, state: state, since: since)
        if !signed.record.hasLeft { self.met = now.before(age: age) }
    }

    /// Who the member is.
    public var id: NodeID { self.signed.id }

    /// How long it had been known when it went, in a few classes, so that nodes agree on it: less than a
    /// minute, ten minutes, an hour, or more, as of one of which that was not told.
    var lived: Int {
        let lived = self.met.duration(to: self.since)
        guard lived >= .zero else { return Self.lives.count }
        return Self.lives.firstIndex { lived < $0 } ?? Self.lives.count
    }

    private static let lives = [Duration.seconds(60), .seconds(600), .seconds(3_600)]

    /// Whether it is gone, and has not only withdrawn.
    var isGone: Bool {
        self.state == .left || (self.state == .failed && !self.signed.record.isWithdrawn)
    }

    /// Takes it for gone since what others have said, heard now or in an earlier run.
    mutating func take(
        _ verdict: Accusation,
        heard: MonotonicInstant? = nil,
        within lifetime: Duration,
        at now: MonotonicInstant
    ) {
        self.state = verdict.verdict == .expelled ? .left : .failed
        self.since = now.before(age: verdict.age, atMost: lifetime)
        self.charges = [Charge(verdict, heard: heard ?? self.since)]
    }

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
