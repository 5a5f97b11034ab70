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

    static func update(_ name: String, address: String = "192.0.2.7:7946") -> MemberUpdate {
        let fallback = Endpoint(address: .v4(0), port: 1)
        let profile = MemberProfile(
            id: NodeID(high: 7, low: UInt64(name.utf8.count)),
            name: name,
            region: "eu",
            zone: "a",
            address: Endpoint(address) ?? fallback,
            version: "0.1.0",
            protocolMinimum: 1,
            protocolMaximum: 2
        )
        return MemberUpdate(
            profile: profile,
            incarnation: 1 << 40,
            state: .suspect,
            reporter: Self.gamma
        )
    }

    static func membership(
        _ kind: MembershipMessage.Kind,
        updates: [MemberUpdate] = []
    ) -> MembershipMessage {
        MembershipMessage(
            kind: kind,
            sender: Self.alpha,
            senderIncarnation: 9,
            digest: ContentHash(high: 5, low: 6),
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
        ]
        .flatMap { (kind: MembershipMessage.Kind) in
            [
                .membership(Self.membership(kind)),
                .membership(
                    Self.membership(
                        kind,
                        updates: [Self.update("a"), Self.update("bé", address: "[2001:db8::1]:1")]
                    )
                ),
            ]
        }
        + Self.observations.map { .observations($0) }
}
