import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("The scope of a plugin, as Kong's (§6.1)")
struct PluginScopeTests {
    /// A plugin that answers with a status, so that it shows which instance ran.
    private static func ending(
        _ status: Int64,
        _ change: @escaping (inout Plugin) -> Void
    ) -> Plugin {
        .named(
            "request-termination",
            ["status_code": .integer(status)],
            number: UInt64(status),
            change: change
        )
    }

    private static func joined(_ entities: inout GatewayConfiguration) {
        entities.consumerGroups = [ConsumerGroup(id: ProtectedGateway.goldID, name: "gold")]
        entities.groupMembers = [
            GroupMember(
                id: EntityID(high: 11, low: 1),
                consumer: ProtectedGateway.bobID,
                consumerGroup: ProtectedGateway.goldID
            )
        ]
    }

    @Test("chooses instances for one consumer or group once it is known who asks")
    func consumers() throws {
        let gateway = try ProtectedGateway(
            [
                .named("key-auth"),
                Self.ending(450) { $0.consumer = ProtectedGateway.annID },
                Self.ending(451) { $0.consumerGroup = ProtectedGateway.goldID },
            ],
            change: Self.joined
        )
        #expect(gateway.ask(key: "ann-key")?.status == 450)
        #expect(gateway.ask(key: "bob-key")?.status == 451)
        #expect(gateway.ask(key: "nobody")?.status == 401)
    }

    @Test("runs the most specific instance, and only that", arguments: 0..<12)
    func precedence(count: Int) throws {
        let changes: [(inout Plugin) -> Void] = [
            { _ in },
            { $0.service = TestEntities.serviceID },
            { $0.route = TestEntities.routeID },
            { $0.consumerGroup = ProtectedGateway.goldID },
            { $0.consumer = ProtectedGateway.bobID },
            {
                $0.route = TestEntities.routeID
                $0.service = TestEntities.serviceID
            },
            {
                $0.consumerGroup = ProtectedGateway.goldID
                $0.service = TestEntities.serviceID
            },
            {
                $0.consumerGroup = ProtectedGateway.goldID
                $0.route = TestEntities.routeID
            },
            {
                $0.consumer = ProtectedGateway.bobID
                $0.service = TestEntities.serviceID
            },
            {
                $0.consumer = ProtectedGateway.bobID
                $0.route = TestEntities.routeID
            },
            {
                $0.consumerGroup = ProtectedGateway.goldID
                $0.route = TestEntities.routeID
                $0.service = TestEntities.serviceID
            },
            {
                $0.consumer = ProtectedGateway.bobID
                $0.route = TestEntities.routeID
                $0.service = TestEntities.serviceID
            },
        ]
        let instances = changes.prefix(count + 1).enumerated().map { index, change in
            Self.ending(Int64(450 + index), change)
        }
        let gateway = try ProtectedGateway(
            [.named("key-auth")] + instances.shuffledBySeed(count),
            change: Self.joined
        )
        #expect(gateway.ask(key: "bob-key")?.status == 450 + count)
        // Each of the others alone, too.
        for instance in instances.dropLast() {
            let pair = [instances[count], instance]
            let gateway = try ProtectedGateway([.named("key-auth")] + pair, change: Self.joined)
            #expect(gateway.ask(key: "bob-key")?.status == 450 + count)
        }
    }

    @Test("does not reach plugins before those that authenticate, which know nobody yet")
    func before() throws {
        let gateway = try ProtectedGateway([
            .named("key-auth"),
            .named("correlation-id", ["echo_downstream": .bool(true)]) {
                $0.consumer = ProtectedGateway.annID
            },
        ])
        #expect(gateway.ask(key: "ann-key")?["kong-request-id"] == nil)
    }

    @Test("holds for the anonymous consumer too")
    func anonymous() throws {
        let gateway = try ProtectedGateway([
            .named("key-auth", ["anonymous": .string("guest")]),
            Self.ending(450) { $0.consumer = ProtectedGateway.guestID },
        ])
        #expect(gateway.ask()?.status == 450)
        #expect(gateway.ask(key: "ann-key")?.status == 200)
    }

    @Test("means nothing to a route whose plugins authenticate nobody")
    func nobody() throws {
        let gateway = try ProtectedGateway([
            Self.ending(450) { $0.consumer = ProtectedGateway.annID }
        ])
        #expect(gateway.ask(key: "ann-key")?.status == 200)
    }
}

extension [Plugin] {
    /// The same plugins in another order, the same one for the same seed.
    fileprivate func shuffledBySeed(_ seed: Int) -> [Plugin] {
        self.enumerated().sorted {
            ($0.offset * 7 + seed) % 13 < ($1.offset * 7 + seed) % 13
        }.map(\.element)
    }
}
