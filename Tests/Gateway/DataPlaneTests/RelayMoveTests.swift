import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshDataPlane

@Suite("A tunnel that outlives configurations")
struct RelayMoveTests {
    private static func echo() -> Origin {
        Origin { _, socket, _ in
            guard socket.receive(through: "\r\n\r\n") != nil else { return }
            socket.send(UpgradeTests.accepted)
            while let bytes = socket.receive() { socket.send(bytes) }
        }
    }

    /// Installs a snapshot, and tells when nobody has it any more.
    private func install(
        _ entities: GatewayConfiguration,
        _ gateway: Gateway,
        version: UInt64
    ) throws -> WeakSnapshot {
        let snapshot = try Snapshot(
            configuration: entities,
            addresses: HostAddresses(),
            localRegion: "eu",
            version: version
        )
        try gateway.plane.install(snapshot)
        return WeakSnapshot(snapshot)
    }

    /// Looks at a snapshot without keeping it.
    private final class WeakSnapshot {
        weak var value: Snapshot?
        init(_ snapshot: Snapshot) { self.value = snapshot }
    }

    private func opened(_ gateway: Gateway) -> StreamSocket {
        let client = gateway.connect()
        client.send(UpgradeTests.request)
        #expect(client.message()?.status == 101)
        return client
    }

    @Test("keeps none of them in memory but the newest, and is counted until it ends")
    func moves() async throws {
        let origin = Self.echo()
        var entities = TestEntities.proxying([origin.port])
        let gateway = try Gateway(entities)
        let first = try self.install(entities, gateway, version: 2)
        let client = self.opened(gateway)
        let other = try #require(Endpoint("127.0.0.2:9"))
        entities.targets.insert(
            Target(
                id: EntityID(high: 9, low: 9),
                target: "\(other)",
                upstream: TestEntities.upstreamID
            ),
            at: 0
        )
        entities.routes.insert(
            Route(id: EntityID(high: 9, low: 1), name: "new", service: TestEntities.serviceID),
            at: 0
        )
        entities.routes[0].paths = ["/new"]
        let second = try self.install(entities, gateway, version: 3)
        let isFreed = await eventually { first.value == nil }
        client.send("still")
        let echo = client.receive(exactly: 5)
        let inFlight = gateway.plane.counters().targets.map(\.inFlight).max()
        client.shutdown()
        let isOver = await eventually { gateway.plane.activeRequests == 0 }

        #expect(isFreed)
        #expect(second.value != nil)
        #expect(echo == Array("still".utf8))
        #expect(inFlight == 1)
        #expect(isOver)
        #expect(gateway.plane.counters().targets.allSatisfy { $0.inFlight == 0 })
    }

    @Test("goes on after its route and target are gone")
    func stays() async throws {
        let origin = Self.echo()
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = self.opened(gateway)
        try gateway.install(TestEntities.proxying([Origin.deadPort()]), version: 2)
        var none = TestEntities.proxying([])
        none.routes = []
        try gateway.install(none, version: 3)
        client.send("still")

        #expect(client.receive(exactly: 5) == Array("still".utf8))
        client.shutdown()
        let isOver = await eventually { gateway.plane.activeRequests == 0 }
        #expect(isOver)
    }
}
