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
        let ingress = route.consumers.reduce(0) { $0 + $1.ingressBytes }
        // The request without a consumer is in the whole only.
        #expect(ingress < route.ingressBytes)
    }

    @Test("not otherwise")
    func off() throws { #expect(try self.counters([:]).consumers.isEmpty) }
}
