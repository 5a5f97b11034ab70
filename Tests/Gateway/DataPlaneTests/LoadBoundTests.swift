import MeshEntities
import MeshHTTP
import Testing

@testable import MeshDataPlane

@Suite("A bound of load for consistent hashing")
struct LoadBoundTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\nX-Key: hot\r\n\r\n"

    private func entities(_ origins: [Origin], bound: Double) -> GatewayConfiguration {
        var entities = TestEntities.proxying(origins.map(\.port))
        entities.upstreams[0].algorithm = .consistentHashing
        entities.upstreams[0].hashOn = .header
        entities.upstreams[0].hashOnHeader = "x-key"
        entities.upstreams[0].limits.loadBound = bound
        return entities
    }

    /// Answers when the test says so.
    private func patient(_ signal: Signal) -> Origin {
        Origin { origin, socket, _ in
            while let request = socket.message() {
                origin.note(request)
                signal.wait()
                socket.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }
    }

    @Test(
        "sends a hot key on in its own order, and gives it back when it is calm",
        arguments: [1.25, 0]
    )
    func spills(bound: Double) async throws {
        let signal = Signal()
        let origins = (0..<4).map { _ in self.patient(signal) }
        let gateway = try Gateway(self.entities(origins, bound: bound))
        let sent = { origins.map(\.requests.count) }
        var clients: [StreamSocket] = []
        var order: [Int] = []
        for number in 1...40 {
            let client = gateway.connect()
            client.send(Self.get)
            clients.append(client)
            #expect(await eventually { sent().reduce(0, +) == number })
            for place in 0..<4 where sent()[place] > 0 && !order.contains(place) {
                order.append(place)
            }
        }
        let counts = sent()
        let passed = gateway.plane.counters().targets.map { ($0.id, $0.passedOver) }
        signal.set()
        for client in clients { #expect(client.message()?.status == 200) }
        #expect(
            await eventually { gateway.plane.counters().targets.allSatisfy { $0.inFlight == 0 } }
        )
        #expect(gateway.ask(Self.get)?.status == 200)

        let first = try #require(order.first)
        #expect(sent()[first] == counts[first] + 1, "a calm key returns")
        let total = passed.reduce(0) { $0 + $1.1 }
        guard bound > 0 else {
            #expect(counts[first] == 40)
            return #expect(total == 0)
        }
        // Below four in flight for each target nothing is passed on; at 40 nobody has more than a
        // quarter and a quarter of that.
        #expect(counts[first] >= 16 || order.count > 1)
        #expect(counts.max() ?? 0 <= 16, "\(counts)")
        #expect(order.count >= 3, "\(counts)")
        #expect(total == UInt64(40 - counts[first]), "\(counts)")
        #expect(
            passed.allSatisfy { $0.1 == 0 || $0.0 == TestEntities.target(origins[first].port) }
        )
    }

    @Test("may change while requests run, and other algorithms do not look at it")
    func changes() async throws {
        let signal = Signal()
        let origins = (0..<4).map { _ in self.patient(signal) }
        let gateway = try Gateway(self.entities(origins, bound: 0))
        let clients = (0..<24).map { _ in gateway.connect() }
        let sent = { origins.map(\.requests.count) }
        for client in clients.prefix(20) { client.send(Self.get) }
        #expect(await eventually { sent().max() == 20 })

        try gateway.install(self.entities(origins, bound: 1), version: 2)
        for client in clients.suffix(4) { client.send(Self.get) }
        #expect(await eventually { sent().reduce(0, +) == 24 })
        #expect(sent().max() == 20, "what is in flight counts on")
        signal.set()
        for client in clients { #expect(client.message()?.status == 200) }
        var entities = self.entities(origins, bound: 1)
        entities.upstreams[0].algorithm = .roundRobin
        try gateway.install(entities, version: 3)
        for _ in 0..<4 { #expect(gateway.ask(Self.get)?.status == 200) }
        #expect(sent().allSatisfy { $0 > 0 })
    }
}
