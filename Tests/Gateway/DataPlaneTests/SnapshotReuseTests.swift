import MeshEntities
import MeshPlugins
import MeshPrimitives
import Testing

@testable import MeshDataPlane

@Suite("A snapshot made from the one before")
struct SnapshotReuseTests {
    private static func configuration() -> GatewayConfiguration {
        var result = GatewayConfiguration()
        for number in 0..<4 {
            let low = UInt64(number)
            let upstream = Upstream(id: EntityID(high: 1, low: low), name: "up-\(number)")
            result.upstreams.append(upstream)
            result.targets.append(
                Target(
                    id: EntityID(high: 2, low: low),
                    target: "host-\(number).test:80",
                    upstream: upstream.id
                )
            )
            let service = Service(
                id: EntityID(high: 3, low: low),
                name: "s\(number)",
                host: upstream.name
            )
            result.services.append(service)
            result.routes.append(
                Route(
                    id: EntityID(high: 4, low: low),
                    name: "r\(number)",
                    service: service.id,
                    paths: ["/\(number)"]
                )
            )
        }
        return result
    }

    private static func addresses(_ last: [UInt32] = [1, 1, 1, 1]) -> HostAddresses {
        var result = HostAddresses()
        for (number, last) in last.enumerated() {
            result["host-\(number).test"] = [
                HostAddress(.v4(0x0A00_0000 + UInt32(number) * 256 + last))
            ]
        }
        return result
    }

    private static func snapshot(
        _ configuration: GatewayConfiguration,
        _ addresses: HostAddresses = addresses(),
        reusing previous: Snapshot? = nil
    ) throws -> Snapshot {
        try Snapshot(
            configuration: configuration,
            addresses: addresses,
            localRegion: "eu",
            version: (previous?.version ?? 0) + 1,
            reusing: previous
        )
    }

    /// Everything of a snapshot that can be compared.
    private static func facts(_ snapshot: Snapshot, _ count: Int) -> [String] {
        (0..<count).map { place in
            let plan = snapshot.routePlans[place]
            let lines = String(decoding: plan.debugLines.bytes, as: UTF8.self)
            let path = String(decoding: plan.servicePath.bytes, as: UTF8.self)
            let upstream = plan.upstream >= 0 ? "\(snapshot.upstreams[Int(plan.upstream)])" : "-"
            return "\(snapshot.shapes[place].label) \(lines) \(path) \(plan.retries) \(upstream)"
        }
    }

    private static let changes: [@Sendable (inout GatewayConfiguration) -> Void] = [
        { $0.routes[2].paths = ["/changed"] },
        { $0.routes.remove(at: 0) },
        { $0.services[1].path = "/base" },
        { $0.services[1].retries = 1 },
        { $0.services[3].enabled = false },
        { $0.targets[2].weight = 7 },
        { $0.targets.remove(at: 1) },
        { $0.upstreams[0].algorithm = .leastConnections },
        {
            $0.upstreams.remove(at: 0)
            $0.targets.remove(at: 0)
            $0.services[0].host = "127.0.0.1"
        },
        { configuration in
            var plugin = Plugin(id: EntityID(high: 5, low: 1), name: "correlation-id")
            plugin.route = configuration.routes[1].id
            configuration.plugins = [plugin]
        },
    ]

    @Test("is what it would be if it were made anew", arguments: changes.indices)
    func same(change: Int) throws {
        let before = Self.configuration()
        var after = before
        Self.changes[change](&after)
        let first = try Self.snapshot(before)

        let made = try Self.snapshot(after, reusing: first)
        let back = try Self.snapshot(before, reusing: made)

        let anew = try Self.snapshot(after)
        let count = after.routes.count
        #expect(Self.facts(made, count) == Self.facts(anew, count))
        #expect(made.upstreams == anew.upstreams)
        #expect(made.identities == anew.identities)
        #expect(made.chains.map(\.isEmpty) == anew.chains.map(\.isEmpty))
        #expect(Self.facts(back, 4) == Self.facts(first, 4))
        #expect(back.upstreams == first.upstreams)
    }

    @Test("changes only the targets whose names have new addresses")
    func addresses() throws {
        let first = try Self.snapshot(Self.configuration())
        var lineage = SnapshotLineage(workers: 2)
        let before = lineage.installation(of: first)

        let moved = try Self.snapshot(
            Self.configuration(),
            Self.addresses([1, 1, 9, 1]),
            reusing: first
        )
        let after = lineage.installation(of: moved)

        let kept = zip(before.shapes, after.shapes).map { $0 === $1 }
        #expect(kept == [true, true, false, true])
        #expect(moved.upstreams[2].targets.first?.endpoint.address == .v4(0x0A00_0209))
        #expect(moved.table === first.table, "routes are not compiled for an address")
    }

    @Test("outlives the one before it, whose texts it uses")
    func ownsWhatItUses() throws {
        var first: Snapshot? = try Self.snapshot(Self.configuration())
        let expected = Self.facts(try Self.snapshot(Self.configuration()), 4)
        var changed = Self.configuration()
        changed.routes[0].paths = ["/other"]
        let second = try Self.snapshot(changed, reusing: first)

        first = nil

        #expect(Self.facts(second, 4) == expected)
    }
}
