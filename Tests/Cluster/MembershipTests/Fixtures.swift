import MeshMembership
import MeshPrimitives

/// A moment of the test's own clock.
func instant(_ seconds: Double) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: Int64(seconds * 1e9))
}

/// The identity of a numbered node.
func node(_ number: UInt64) -> NodeID { NodeID(high: 0, low: number) }

/// The address of a numbered node.
func endpoint(_ number: UInt64) -> Endpoint {
    Endpoint(address: .v4(0x7F00_0000 + UInt32(number)), port: 7_946)
}

/// What a numbered node says about itself.
func profile(_ number: UInt64, name: String? = nil, address: UInt64? = nil) -> MemberProfile {
    MemberProfile(
        id: node(number),
        name: name ?? "node-\(number)",
        region: "eu",
        zone: "a",
        address: endpoint(address ?? number),
        version: "1.0.0"
    )
}

/// Keys, signatures and identities that nobody need attack: a key is a number, a signature its sum.
enum FakeKeys {
    /// Who has a numbered node's key.
    static func identity(_ number: UInt64) -> MemberIdentity {
        let key = Self.key(number)
        return MemberIdentity(
            node: node(number),
            key: key,
            sign: { Self.signature(of: $0, key) },
            verify: { $0 == Self.signature(of: $1, $2) }
        )
    }

    static func key(_ number: UInt64) -> [UInt8] {
        [UInt8](repeating: 0, count: 24)
            + (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
    }

    static func signature(of bytes: [UInt8], _ key: [UInt8]) -> [UInt8] {
        var sum: UInt64 = 7
        for byte in bytes + key { sum = SeededGenerator.mix(sum ^ UInt64(byte)) }
        return (0..<64).map { UInt8(truncatingIfNeeded: sum >> (8 * ($0 % 8))) }
    }
}

/// The mesh of the numbered nodes.
let testMesh = MeshClaim(id: MeshID(1), standing: .founded)

/// What a numbered node has signed about itself.
func record(
    _ number: UInt64,
    _ incarnation: UInt64 = 1,
    hasLeft: Bool = false,
    name: String? = nil,
    address: UInt64? = nil,
    start: MemberStart = MemberStart(boot: 0, token: 1),
    mesh: MeshID = testMesh.id,
    mode: NodeMode = .normal,
    signedBy signer: UInt64? = nil
) -> SignedRecord {
    let record = MemberRecord(
        profile: profile(number, name: name, address: address),
        key: FakeKeys.key(number),
        start: start,
        mesh: mesh,
        incarnation: incarnation,
        hasLeft: hasLeft,
        mode: mode
    )
    return SignedRecord(record, signing: FakeKeys.identity(signer ?? number).sign)
}

/// What a numbered node says against another.
func accusation(
    _ number: UInt64,
    _ verdict: Accusation.Verdict,
    _ incarnation: UInt64 = 1,
    by accuser: UInt64,
    evidence: Accusation.Evidence = Accusation.Evidence(),
    age: UInt32 = 0
) -> Accusation {
    Accusation(
        subject: node(number),
        incarnation: incarnation,
        verdict: verdict,
        accuser: node(accuser),
        evidence: evidence,
        age: age
    )
}

/// News of a numbered node: its own word that it is there or left, or what another says of it.
func claim(
    _ number: UInt64,
    _ state: MemberState,
    _ incarnation: UInt64 = 1,
    by accuser: UInt64? = nil,
    name: String? = nil,
    address: UInt64? = nil
) -> MemberUpdate {
    let word = { (hasLeft: Bool) in
        MemberUpdate.record(
            record(number, incarnation, hasLeft: hasLeft, name: name, address: address)
        )
    }
    let charge = { (verdict: Accusation.Verdict) in
        MemberUpdate.accusation(accusation(number, verdict, incarnation, by: accuser ?? number))
    }
    return switch state {
    case .alive: word(false)
    case .suspect: charge(.suspect)
    case .failed: charge(.failed)
    case .left: accuser == nil ? word(true) : charge(.expelled)
    }
}

/// A message of a numbered node.
func message(
    _ kind: MembershipMessage.Kind,
    from sender: UInt64,
    incarnation: UInt64 = 1,
    of mesh: MeshClaim = testMesh,
    _ updates: [MemberUpdate] = []
) -> MembershipMessage {
    MembershipMessage(
        kind: kind,
        sender: node(sender),
        senderIncarnation: incarnation,
        digest: ContentHash(high: sender, low: sender),
        mesh: mesh,
        updates: updates
    )
}

/// One node under test, number 1 if not said otherwise, which knows nodes 2 to `peerCount` + 1 as alive.
struct Bench {
    var membership: Membership
    /// What happened so far.
    var effects: [Membership.Effect] = []

    /// Starts the node with its peers known, at second 0.
    init(
        peers peerCount: UInt64 = 4,
        _ configuration: MembershipConfiguration = .lan,
        number: UInt64 = 1
    ) {
        self.membership = Self.stopped(configuration, number: number)
        self.effects = self.membership.start(seeds: [], at: instant(0))
        if peerCount > 0 {
            let claims = (2...(peerCount + 1)).map { claim($0, .alive) }
            self.hear(message(.gossip, from: 2, claims), at: 0)
        }
    }

    /// The node before its start.
    static func stopped(
        _ configuration: MembershipConfiguration = .lan,
        number: UInt64 = 1
    ) -> Membership {
        Membership(
            configuration: configuration,
            profile: profile(number),
            identity: FakeKeys.identity(number),
            start: MemberStart(boot: 0, token: 1),
            mesh: testMesh,
            incarnation: 1,
            generator: SeededGenerator(seed: 7)
        )
    }

    /// Lets members be declared failed by another, and time pass until the node believes it.
    mutating func fail(
        _ numbers: ClosedRange<UInt64>,
        by accuser: UInt64,
        at second: Double,
        living: ClosedRange<UInt64>
    ) {
        for number in numbers {
            let verdict = claim(number, .failed, by: accuser)
            self.hear(message(.gossip, from: accuser, [verdict]), at: second)
        }
        self.run(from: second, to: second + 9, living: Set(living))
    }

    /// Gives one datagram to the node and returns what it does.
    @discardableResult
    mutating func hear(_ message: MembershipMessage, at second: Double) -> [Membership.Effect] {
        let number = message.sender.low
        let new = self.membership.receive(message, from: endpoint(number), at: instant(second))
        self.effects += new
        return new
    }

    /// Lets time pass in steps of 50 ms, with every ping of `living` members answered at once.
    @discardableResult
    mutating func run(
        from start: Double,
        to end: Double,
        living: Set<UInt64> = []
    ) -> [Membership.Effect] {
        var new: [Membership.Effect] = []
        for step in stride(from: start, to: end, by: 0.05) {
            let woken = self.membership.wake(at: instant(step))
            new += woken
            for case .send(let sent, let target) in woken {
                guard case .ping(let sequence, let id) = sent.kind, living.contains(id.low),
                    target == endpoint(id.low)
                else { continue }
                new += self.membership.receive(
                    message(.ack(sequence: sequence), from: id.low),
                    from: target,
                    at: instant(step + 0.01)
                )
            }
        }
        self.effects += new
        return new
    }

    /// How the node sees another.
    func state(of number: UInt64) -> MemberState? { self.membership.member(node(number))?.state }
}

extension [Membership.Effect] {
    /// The events among the effects.
    var events: [MembershipEvent] {
        self.compactMap { effect in
            if case .event(let event) = effect { event } else { nil }
        }
    }

    /// The datagrams among the effects.
    var sent: [(message: MembershipMessage, to: Endpoint)] {
        self.compactMap { effect in
            if case .send(let message, let endpoint) = effect { (message, endpoint) } else { nil }
        }
    }

    /// The streams among the effects.
    var streamed: [(message: MembershipMessage, to: Endpoint)] {
        self.compactMap { effect in
            if case .stream(let message, let endpoint) = effect { (message, endpoint) } else { nil }
        }
    }

    /// The updates in all datagrams.
    var gossiped: [MemberUpdate] { self.sent.flatMap(\.message.updates) }
}

extension [MemberUpdate] {
    /// The records among the news.
    var records: [MemberRecord] {
        self.compactMap { update in
            if case .record(let signed, _) = update { signed.record } else { nil }
        }
    }

    /// The accusations among the news, without age and evidence.
    var charges: [Accusation] {
        self.compactMap { update in
            guard case .accusation(var accusation) = update else { return nil }
            accusation.evidence = Accusation.Evidence()
            accusation.age = 0
            return accusation
        }
    }
}
