import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("A limit of requests in flight at a target")
struct ConcurrencyLimitTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    /// Takes requests and says nothing.
    private func silent() -> Origin {
        Origin { origin, socket, _ in
            while let request = socket.message() { origin.note(request) }
        }
    }

    @Test("is answered 503 with Retry-After when no target has room")
    func sheds() async throws {
        let origin = self.silent()
        var entities = TestEntities.proxying([origin.port])
        entities.upstreams[0].limits.concurrency = 2
        let gateway = try Gateway(entities)
        let waiting = (0..<2).map { _ in gateway.connect() }
        for client in waiting { client.send(Self.get) }
        #expect(await eventually { origin.requests.count == 2 })
        let answer = gateway.ask(Self.get)
        #expect(answer?.status == 503)
        #expect(["1", "2", "3"].contains(answer?["retry-after"] ?? ""))
        for client in waiting { client.shutdown() }
    }

    @Test("sends what finds no room to an open group, and nothing to one that is not")
    func spills() async throws {
        let (home, away) = (self.silent(), Origin.saying("us"))
        var entities = TestEntities.proxying([home.port, away.port])
        entities.targets[0].tags = ["region:eu"]
        entities.targets[1].tags = ["region:us"]
        entities.upstreams[0].limits.concurrency = 1
        let gateway = try Gateway(entities)
        let client = gateway.connect()
        client.send(Self.get)
        #expect(await eventually { home.requests.count == 1 })
        #expect(gateway.ask(Self.get)?.status == 503)
        gateway.plane.setShares([
            GroupShares(upstream: "origins", shares: [1_000, 0], open: [1])
        ])
        #expect(gateway.ask(Self.get)?.text == "us")
        client.shutdown()
    }
}
