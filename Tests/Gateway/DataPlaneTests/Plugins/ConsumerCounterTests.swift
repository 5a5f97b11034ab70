import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("prometheus counts by consumer where per_consumer says so (§6.10)")
struct ConsumerCounterTests {
    private func counters(
        _ config: KeyValuePairs<String, DocumentValue>
    ) throws -> DataPlaneCounters.RouteCounters {
        let gateway = try ProtectedGateway([
            .named("key-auth"), .named("prometheus", config),
            .named("request-termination", ["trigger": .string("stop")]),
        ])
        for key in ["ann-key", "ann-key", "bob-key"] {
            #expect(gateway.ask(key: key)?.status == 200)
        }
        #expect(gateway.ask("apikey: bob-key\r\nstop: 1\r\n")?.status == 503)
        #expect(gateway.ask(key: "wrong")?.status == 401)
        return try #require(
            awaited { () -> DataPlaneCounters.RouteCounters? in
                let route = gateway.gateway.plane.counters().routes.first
                let count = route?.requests.reduce(0) { $0 + $1.count }
                return count == 5 ? route : nil
            }
        )
    }

    @Test("statuses and bytes of those who were authenticated, and what the gateway answered")
    func shares() throws {
        let route = try self.counters(["per_consumer": .bool(true)])
        #expect(route.consumers.map(\.name) == ["ann", "bob"])
        #expect(!route.isStream)
        let ann = route.consumers[0]
        #expect(ann.requests.map(\.code) == [200])
        #expect(ann.requests.map(\.count) == [2])
        #expect(ann.requests.map(\.source) == [.service])
        let bob = route.consumers[1]
        #expect(bob.requests.map(\.code) == [200, 503])
        #expect(bob.requests.map(\.source) == [.service, .gateway])
        for consumer in route.consumers {
            #expect(consumer.ingressBytes > 0 && consumer.egressBytes > 0)
        }
        #expect(route.unnamed.requests.map(\.code) == [401])
        let shares = [route.unnamed] + route.consumers
        #expect(shares.reduce(0) { $0 + $1.ingressBytes } == route.ingressBytes)
        #expect(shares.reduce(0) { $0 + $1.egressBytes } == route.egressBytes)
    }

    @Test("not otherwise")
    func off() throws { #expect(try self.counters([:]).consumers.isEmpty) }

    private static func record(_ status: UInt16) -> RequestRecord {
        RequestRecord(
            status: status,
            requestNanoseconds: 1,
            gatewayNanoseconds: 1,
            upstreamNanoseconds: 1,
            received: 3,
            returned: 5
        )
    }

    @Test("what has no room is counted as other, and what has room keeps it")
    func room() {
        let room = ConsumerCells.Room(limit: 2)
        let statuses = { (cells: ConsumerCells) in
            var sums: [String: ConsumerCells.Tally] = [:]
            cells.read(into: &sums)
            return sums.mapValues { tally in
                let count = tally.statuses.values.reduce(0, +)
                #expect(tally.ingress == 3 * count && tally.egress == 5 * count)
                return tally.statuses
            }
        }
        let ok = StatusTable.key(200, false)
        let failed = StatusTable.key(500, false)
        do {
            let cells = ConsumerCells(room: room)
            for (name, status) in [
                ("ann", 200), ("bob", 200), ("cyd", 200), ("ann", 500), ("ann", 200),
                ("other", 200),
                ("", 200),
            ] as [(String, UInt16)] { cells.add(name, Self.record(status)) }
            #expect(
                statuses(cells) == [
                    "ann": [ok: 2], "bob": [ok: 1], "other": [ok: 3, failed: 1],
                ]
            )
        }
        // The room is free again.
        let cells = ConsumerCells(room: room)
        for name in ["cyd", "dan", "eve"] { cells.add(name, Self.record(200)) }
        #expect(statuses(cells) == ["cyd": [ok: 1], "dan": [ok: 1], "other": [ok: 1]])
    }
}
