import MeshEntities
import Testing

@testable import MeshDataPlane

/// The balancing design's B-I14: what is in flight is counted to zero whatever ends it.
@Suite("Requests in flight")
struct InFlightTests {
    private static let limit = 8

    /// Does what the path says: `/ok`, `/slow`, `/never`, `/reset`, `/cut`, `/500`, `/ws`.
    private static func origin() -> Origin {
        Origin { origin, socket, _ in
            while let request = socket.message() {
                origin.note(request)
                switch request.target {
                case "/slow":
                    Signal().wait(milliseconds: 120)
                    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                case "/never":
                    _ = socket.receive()
                    return
                case "/reset": return socket.reset()
                case "/cut":
                    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
                    return
                case "/500": socket.send("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
                case "/ws":
                    socket.send(UpgradeTests.accepted)
                    while let bytes = socket.receive() { socket.send(bytes) }
                    return
                default: socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                }
            }
        }
    }

    private static func get(_ path: String) -> String { "GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n" }

    private func entities(
        _ origins: [Origin],
        _ algorithm: Upstream.Algorithm
    ) -> GatewayConfiguration {
        var entities = TestEntities.proxying(origins.map(\.port)) { service, route in
            service.retries = 2
            service.readTimeout = 400
            service.retry.hedge = true
            service.retry.causes = RetryRules.Cause.allCases
            route.stripPath = false
        }
        entities.upstreams[0].algorithm = algorithm
        if algorithm == .consistentHashing { entities.upstreams[0].hashOn = .path }
        entities.upstreams[0].limits.concurrency = Self.limit
        return entities
    }

    @Test(
        "return to zero after answers, cancels, hedges, resets, upgrades and changes of the targets",
        arguments: [
            Upstream.Algorithm.roundRobin, .leastConnections, .latency, .consistentHashing, .hcl,
        ]
    )
    func returnToZero(algorithm: Upstream.Algorithm) async throws {
        let origins = (0..<3).map { _ in Self.origin() }
        let gateway = try Gateway(self.entities(origins, algorithm))
        let client = gateway.connect()
        for _ in 0..<150 {
            client.send(Self.get("/ok"))
            #expect(client.message()?.status == 200)
        }
        for round in 0..<3 {
            let paths = ["/slow", "/never", "/reset", "/cut", "/500", "/ok", "/never"]
            let clients = paths.map { path in
                let client = gateway.connect()
                client.send(Self.get(path))
                return client
            }
            let upgraded = gateway.connect()
            upgraded.send(UpgradeTests.request)
            #expect(upgraded.message()?.status == 101)
            #expect(self.inFlight(gateway) > 0, "what is under way is counted")
            // Two are cancelled, the others end by themselves; the set of targets changes meanwhile.
            clients[1].shutdown()
            clients[0].shutdown()
            let some = round == 1 ? Array(origins.dropLast()) : origins
            try gateway.install(self.entities(some, algorithm), version: UInt64(2 + round))
            for client in clients.dropFirst(2) { _ = client.message() }
            upgraded.shutdown()
        }
        #expect(await eventually { self.inFlight(gateway) == 0 })
        #expect(gateway.plane.counters().waiting.allSatisfy { $0.waiting == 0 })

        // The balancer's own counts are zero, too: each target has all of its room.
        var patient = self.entities(origins, algorithm)
        patient.services[0].retries = 0
        patient.services[0].retry.hedge = false
        patient.services[0].readTimeout = 60_000
        try gateway.install(patient, version: 9)
        let held = (0..<(Self.limit * origins.count)).map { _ in gateway.connect() }
        let before = origins.map { $0.requests.count { $0.contains("/never") } }
        for client in held { client.send(Self.get("/never")) }
        let arrived = {
            zip(origins, before).map { origin, old in
                origin.requests.count { $0.contains("/never") } - old
            }
        }
        #expect(await eventually { arrived().reduce(0, +) == held.count }, "\(arrived())")
        for client in held { client.shutdown() }
        #expect(await eventually { self.inFlight(gateway) == 0 })
    }

    private func inFlight(_ gateway: Gateway) -> UInt64 {
        let counters = gateway.plane.counters()
        return counters.activeRequests + counters.targets.reduce(0) { $0 + $1.inFlight }
    }
}
