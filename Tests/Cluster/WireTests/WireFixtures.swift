import MeshCounters
import MeshMembership
import MeshPrimitives
import MeshWire

/// Nodes, keys and messages that the suites share.
enum Fixture {
    static let alpha = NodeID(high: 1, low: 10)
    static let beta = NodeID(high: 2, low: 20)
    static let gamma = NodeID(high: 3, low: 30)

    static let ring = KeyRing(epoch: 3, secret: Array(0..<32))
    static let keys = ClusterKeys(ring: Self.ring, clusterName: "test")

    static func keys(_ text: String, name: String = "test") throws -> ClusterKeys {
        ClusterKeys(ring: try KeyRing(parsing: text), clusterName: name)
    }

    static let key = NodeKey(seed: Array(100..<132)) ?? .generated()

    static func start(_ boot: UInt64, token: UInt64 = 77) -> MemberStart {
        MemberStart(boot: boot, token: token)
    }

    static func update(_ name: String, address: String = "192.0.2.7:7946") -> MemberUpdate {
        let fallback = Endpoint(address: .v4(0), port: 1)
        let profile = MemberProfile(
            id: Self.key.identity.node,
            name: name,
            region: "eu",
            zone: "a",
            address: Endpoint(address) ?? fallback,
            version: "0.1.0",
            protocolMinimum: 1,
            protocolMaximum: 2
        )
        let record = MemberRecord(
            profile: profile,
            key: Self.key.key,
            start: Self.start(5),
            mesh: Self.mesh.id,
            incarnation: 1 << 40,
            ring: Self.ring.inventory
        )
        return .record(SignedRecord(record, signing: Self.key.identity.sign), age: 3)
    }

    static let accusation = MemberUpdate.accusation(
        Accusation(
            subject: Self.beta,
            incarnation: 7,
            verdict: .failed,
            accuser: Self.gamma,
            evidence: Accusation.Evidence(relaysAsked: 3, relaysDenied: 2, triedStream: true),
            age: 90
        )
    )

    static let mesh = MeshClaim(id: MeshID(0xABCD), standing: .founded)

    static func membership(
        _ kind: MembershipMessage.Kind,
        updates: [MemberUpdate] = []
    ) -> MembershipMessage {
        MembershipMessage(
            kind: kind,
            sender: Self.alpha,
            senderIncarnation: 9,
            digest: ContentHash(high: 5, low: 6),
            mesh: Self.mesh,
            updates: updates
        )
    }

    /// Messages of counters, with the largest numbers.
    static let counterMessages: [ClusterMessage] = [
        .counters(.report(CounterReport(entries: []))),
        .counters(
            .report(
                CounterReport(entries: [
                    .init(window: CounterWindow(key: 1, end: 60), own: 3, known: 9),
                    .init(window: CounterWindow(key: .max, end: .max), own: .max, known: .max),
                ])
            )
        ),
        .counters(
            .totals(
                CounterTotals(entries: [
                    .init(
                        window: CounterWindow(key: 5, end: 60),
                        total: 70,
                        included: 3,
                        floor: 71,
                        sharers: 4
                    ),
                    .init(
                        window: CounterWindow(key: 6, end: .max),
                        total: .max,
                        included: .max,
                        floor: .max,
                        sharers: .max
                    ),
                ])
            )
        ),
    ]

    static let questions: [ClusterMessage] =
        [PeerQuestion(number: .max, path: "/mesh/board?after=é")].compactMap { $0 }
        .map { .question($0) }
        + [.answer(PeerAnswer(number: 7, status: 200, body: [1, 2, 3]))]

    /// One message of every shape, with and without content.
    static let messages: [ClusterMessage] =
        Self.counterMessages
        + [
            .ping(sequence: 1, target: Self.beta), .ack(sequence: .max), .nack(sequence: 0),
            .pingRequest(
                sequence: 4,
                target: Self.gamma,
                endpoint: Endpoint(address: .v6(high: 1, low: 2), port: 65_535)
            ),
            .gossip, .sync, .syncAnswer, .refusal(nameHolder: Self.gamma),
            .compare(digests: [1, 2, .max]), .comparison(differing: [0, 255]), .difference,
        ]
        .flatMap { (kind: MembershipMessage.Kind) in
            [
                .membership(Self.membership(kind)),
                .membership(
                    Self.membership(
                        kind,
                        updates: [
                            Self.update("a"), Self.accusation,
                            Self.update("bé", address: "[2001:db8::1]:1"),
                        ]
                    )
                ),
            ]
        }
        + Self.observations.map { .observations($0) } + [.keyRing(Self.ring)] + Self.questions
}
