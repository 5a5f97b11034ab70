import MeshEntities
import Testing

@testable import MeshDataPlane

extension ListenerTests {
    @Test("one address has no more than its share of connections")
    func connectionsPerAddress() async throws {
        let gateway = try Gateway(TestEntities.proxying([Origin.saying("ok").port])) {
            $0.maximumConnectionsPerAddress = 2
        }
        let kept = (0..<2).map { _ in gateway.connect() }
        for client in kept { client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
        let answers = kept.map { $0.message()?.status }

        let third = gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")

        #expect(answers == [200, 200])
        #expect(third == nil)
    }
}
