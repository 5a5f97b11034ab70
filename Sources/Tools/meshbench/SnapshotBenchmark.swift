import MeshDataPlane
import MeshEntities
import MeshPrimitives

/// Taking up a configuration, by number of routes; each has a service, an upstream and two targets.
enum SnapshotBenchmark: Benchmark {
    static func measure(with stopwatch: Stopwatch) throws -> [Measurement] {
        var all: [Measurement] = []
        for count in [100, 10_000] {
            let entities = Self.entities(count)
            let compile = try stopwatch.time("snapshot.compile.\(count)") { repetitions in
                var sum = 0
                for version in 0..<repetitions {
                    sum &+= try Self.snapshot(entities, UInt64(version)).upstreams.count
                }
                return sum
            }
            all.append(compile)
            all += try Self.changes(of: entities, count, with: stopwatch)
            var changed = entities
            changed.targets[0].weight = 7
            let snapshots = [
                try Self.snapshot(entities, 1), try Self.snapshot(changed, 2),
            ]
            let plane = DataPlane(configuration: DataPlaneConfiguration()) { _ in }
            try plane.install(snapshots[0])
            all.append(
                try stopwatch.time("snapshot.install-one-change.\(count)", over: compile) { times in
                    for number in 0..<times { try plane.install(snapshots[(number + 1) % 2]) }
                    return times
                }
            )
        }
        return all
    }

    /// What one changed route costs: another timeout of paths, or another path.
    private static func changes(
        of entities: GatewayConfiguration,
        _ count: Int,
        with stopwatch: Stopwatch
    ) throws -> [Measurement] {
        let changes: [(name: String, change: (inout GatewayConfiguration) -> Void)] = [
            ("strip-path", { $0.routes[count / 2].stripPath = false }),
            ("path", { $0.routes[count / 2].paths = ["/another"] }),
        ]
        return try changes.map { name, change in
            var changed = entities
            change(&changed)
            var snapshot = try Self.snapshot(entities, 1)
            return try stopwatch.time("snapshot.change-\(name).\(count)") { repetitions in
                for number in 0..<repetitions {
                    snapshot = try Self.snapshot(
                        number.isMultiple(of: 2) ? changed : entities,
                        UInt64(number) + 2,
                        reusing: snapshot
                    )
                }
                return snapshot.upstreams.count
            }
        }
    }

    private static func snapshot(
        _ entities: GatewayConfiguration,
        _ version: UInt64,
        reusing previous: Snapshot? = nil
    ) throws -> Snapshot {
        try Snapshot(
            configuration: entities,
            addresses: HostAddresses(),
            localRegion: "eu",
            version: version,
            reusing: previous
        )
    }

    private static func entities(_ count: Int) -> GatewayConfiguration {
        var result = GatewayConfiguration()
        for number in 0..<count {
            let low = UInt64(number)
            let upstream = Upstream(id: EntityID(high: 1, low: low), name: "up-\(number)")
            result.upstreams.append(upstream)
            for place in 0..<2 {
                result.targets.append(
                    Target(
                        id: EntityID(high: 2, low: 2 * low + UInt64(place)),
                        target: "10.0.\(number % 250).\(place + 1):\(1_000 + number)",
                        upstream: upstream.id
                    )
                )
            }
            let service = Service(
                id: EntityID(high: 3, low: low),
                name: "service-\(number)",
                host: upstream.name
            )
            result.services.append(service)
            result.routes.append(
                Route(
                    id: EntityID(high: 4, low: low),
                    name: "route-\(number)",
                    service: service.id,
                    hosts: ["host\(number % 100).example.com"],
                    paths: ["/service\(number)/v1"]
                )
            )
            var plugin = Plugin(id: EntityID(high: 5, low: low), name: "correlation-id")
            plugin.route = EntityID(high: 4, low: low)
            result.plugins.append(plugin)
        }
        return result
    }
}
