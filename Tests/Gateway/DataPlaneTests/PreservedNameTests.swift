import MeshEntities
import MeshTLS
import Testing

@testable import MeshDataPlane

extension TLSTargetTests {
    /// Notes the server name of every connection.
    private static func naming() throws -> Origin {
        let context = try TestCertificate("a.good.test").server()
        return Origin { origin, socket, _ in
            let stream = TLSSocket(socket, context)
            while stream.message() != nil {
                origin.note("NAME \(stream.serverName)")
                stream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
    }

    private func get(_ host: String) -> String { "GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n" }

    @Test("is told the client's host as server name where that is preserved, as in Kong")
    func preservedName() throws {
        let origin = try Self.naming()
        var entities = self.entities([origin.port])
        entities.routes[0].preserveHost = true
        let gateway = try Gateway(entities)
        let client = gateway.connect()
        for host in ["One.test:81", "two.test", "one.test", "a.good.test", "two.test:8080"] {
            client.send(self.get(host))
            #expect(client.message()?.text == "ok")
        }

        #expect(
            origin.requests == [
                "NAME one.test", "NAME two.test", "NAME one.test", "NAME a.good.test",
                "NAME two.test",
            ]
        )
        #expect(origin.connections == 3, "connections are kept by server name")
    }

    @Test("gets connections of their own for however many names, none of which is kept for ever")
    func manyNames() async throws {
        let origin = try Self.naming()
        var entities = self.entities([origin.port])
        entities.routes[0].preserveHost = true
        let gateway = try Gateway(entities) { $0.targetPool.idleTimeout = .milliseconds(50) }
        let client = gateway.connect()
        for number in 0..<20 {
            client.send(self.get("n\(number).test"))
            #expect(client.message()?.text == "ok")
        }
        try await Task.sleep(for: .milliseconds(200))
        client.send(self.get("n0.test"))

        #expect(client.message()?.text == "ok")
        #expect(origin.connections == 21)
    }
}
