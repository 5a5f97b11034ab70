import MeshEntities
import MeshTLS
import Testing

@testable import MeshDataPlane

extension TLSTargetTests {
    @Test("is not asked twice for a full handshake: the next connection resumes (RFC 8446 2.2)")
    func resumes() async throws {
        let keys = try #require(TLSTicketKeys.Key.random())
        let context = try TestCertificate("a.good.test").server { settings in
            settings.ticketKeys = TLSTicketKeys(current: keys)
        }
        let origin = Origin { origin, socket, _ in
            let stream = TLSSocket(socket, context)
            guard stream.message() != nil else { return }
            origin.note(stream.isResumed ? "RESUMED" : "FULL")
            stream.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
            stream.close()
        }
        let gateway = try Gateway(self.entities([origin.port]))

        for _ in 0..<3 { #expect(gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")?.text == "ok") }
        #expect(origin.requests == ["FULL", "RESUMED", "RESUMED"])
    }
}
