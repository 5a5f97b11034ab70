import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshDataPlane

@Suite("A snapshot")
struct SnapshotTests {
    private func snapshot(
        _ configuration: GatewayConfiguration,
        _ addresses: HostAddresses = HostAddresses()
    ) throws -> Snapshot {
        try Snapshot(
            configuration: configuration,
            addresses: addresses,
            localRegion: "eu",
            version: 7
        )
    }

    @Test("orders targets: own region and untagged, the upstream's order, the rest, failover")
    func groups() throws {
        var configuration = TestEntities.proxying([1, 2, 3, 4, 5, 6])
        configuration.upstreams[0].regions.order = ["us", "nowhere"]
        let tags = [["region:ap"], ["region:us"], [], ["region:eu"], ["region:af"], ["region:eu"]]
        for (index, tags) in tags.enumerated() { configuration.targets[index].tags = tags }
        configuration.targets[5].failover = true

        let upstream = try #require(try self.snapshot(configuration).upstreams.first)

        #expect(upstream.groups == ["eu", "us", "af", "ap", nil])
        #expect(upstream.targets.map(\.group) == [3, 1, 0, 0, 2, 4])
    }

    @Test("gives every address of a name a target of its own, without the default port in Host")
    func expandsAddresses() throws {
        var configuration = GatewayConfiguration()
        let upstream = Upstream(id: EntityID(high: 1, low: 1), name: "up")
        configuration.upstreams = [upstream]
        configuration.targets = [
            Target(id: EntityID(high: 1, low: 2), target: "web.example:80", upstream: upstream.id),
            Target(id: EntityID(high: 1, low: 3), target: "[::1]:81", upstream: upstream.id),
            Target(id: EntityID(high: 1, low: 4), target: "lost.example:80", upstream: upstream.id),
        ]
        let addresses = HostAddresses(["Web.Example": [.v4(1), .v4(2)]])

        let targets = try self.snapshot(configuration, addresses).upstreams[0].targets

        #expect(
            targets.map(\.endpoint.description) == [
                "0.0.0.1:80", "0.0.0.2:80", "[::1]:81",
            ]
        )
        #expect(targets.map(\.hostHeader) == ["web.example", "web.example", "[::1]:81"])
        #expect(Set(targets.map(\.id)).count == 3)
    }

    @Test("takes port and weight from SRV records, and their names where use_srv_name asks for it")
    func services() throws {
        var configuration = GatewayConfiguration()
        var upstream = Upstream(id: EntityID(high: 1, low: 1), name: "up")
        configuration.targets = [
            Target(id: EntityID(high: 1, low: 2), target: "web.test:80", upstream: upstream.id),
            Target(
                id: EntityID(high: 1, low: 3),
                target: "off.test:80",
                upstream: upstream.id,
                weight: 0
            ),
        ]
        let services = [(port: UInt16(80), weight: 7), (port: 8_000, weight: 0)].map { service in
            HostAddress(
                .v4(1),
                service: HostAddress.Service(
                    name: "n\(service.port).test",
                    port: service.port,
                    weight: service.weight
                )
            )
        }
        let addresses = HostAddresses(["web.test": services, "off.test": services])

        configuration.upstreams = [upstream]
        let plain = try self.snapshot(configuration, addresses).upstreams[0].targets
        upstream.useSrvName = true
        configuration.upstreams = [upstream]
        let named = try self.snapshot(configuration, addresses).upstreams[0].targets

        #expect(
            plain.map(\.endpoint.description) == [
                "0.0.0.1:80", "0.0.0.1:8000", "0.0.0.1:80", "0.0.0.1:8000",
            ]
        )
        #expect(plain.map(\.weight) == [7, 1, 0, 0], "a target without weight stays without")
        #expect(plain.map(\.hostHeader).prefix(2) == ["web.test", "web.test:8000"])
        #expect(named.map(\.hostHeader).prefix(2) == ["n80.test", "n8000.test:8000"])
        #expect(named.map(\.secureHostHeader).prefix(2) == ["n80.test:80", "n8000.test:8000"])
    }

    @Test("makes an upstream for a service whose host names none")
    func implicitUpstream() throws {
        var configuration = GatewayConfiguration()
        let id = EntityID(high: 9, low: 9)
        configuration.services = [Service(id: id, host: "10.0.0.1", port: 8_080)]

        let upstream = try #require(try self.snapshot(configuration).upstreams.first)

        #expect(upstream.name == id.description)
        #expect(upstream.settings == nil)
        #expect(upstream.targets.map(\.target) == ["10.0.0.1:8080"])
        #expect(upstream.targets.map(\.hostHeader) == ["10.0.0.1:8080"])
    }

    @Test("is refused when a route's regex or a plugin's setting is not usable")
    func refuses() throws {
        let badRoute = TestEntities.proxying([1]) { _, route in route.paths = ["~/(a"] }
        var badPlugin = TestEntities.proxying([1])
        var plugin = Plugin(id: EntityID(high: 4, low: 4), name: "correlation-id")
        plugin.config = .object([
            DocumentField("generator", DocumentNode(.string("dice")))
        ])
        badPlugin.plugins = [plugin]

        let routing = #expect(throws: SnapshotError.self) { try self.snapshot(badRoute) }
        let chain = #expect(throws: SnapshotError.self) { try self.snapshot(badPlugin) }

        guard case .routing = routing else {
            Issue.record("\(String(describing: routing))"); return
        }
        #expect(chain.map { "\($0)" }?.contains("config.generator") == true)
    }
}
