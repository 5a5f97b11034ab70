import Glibc
import MeshEntities
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("A region that bears no more")
struct OverflowTests {
    private let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    /// Serves one request at a time, two milliseconds each.
    private func oneByOne(_ text: String) -> Origin {
        let place = Busy()
        return Origin { origin, socket, _ in
            while let request = socket.message() {
                origin.note(request)
                place.work()
                socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\(text)")
            }
        }
    }

    private final class Busy: Sendable {
        private let turn = Mutex(())
        func work() { _ = self.turn.withLock { _ in usleep(2_000) } }
    }

    @Test("has what is above taken by an open one, which is counted; others take nothing")
    func overflows() async throws {
        for isOpen in [true, false] {
            let (local, remote) = (self.oneByOne("eu"), Origin.saying("us"))
            var entities = TestEntities.proxying([local.port, remote.port])
            entities.targets[0].tags = ["region:eu"]
            entities.targets[1].tags = ["region:us"]
            let gateway = try Gateway(entities)
            gateway.plane.setShares([
                GroupShares(upstream: "origins", shares: [1_000, 0], open: isOpen ? [0, 1] : [])
            ])
            let calm = gateway.connect()
            for _ in 0..<700 {
                calm.send(self.request)
                #expect(calm.message()?.text == "eu")
            }

            let clients = (0..<24).map { _ in gateway.connect() }
            for client in clients { client.send(self.request) }
            let end = ContinuousClock.now.advanced(by: .seconds(isOpen ? 20 : 2))
            var elsewhere = 0
            while elsewhere < 10, ContinuousClock.now < end {
                for client in clients {
                    elsewhere += client.message()?.text == "us" ? 1 : 0
                    client.send(self.request)
                }
            }
            for client in clients { #expect(client.message()?.status == 200) }
            #expect((elsewhere > 0) == isOpen)
            let remoteID = TestEntities.target(remote.port)
            let isCounted = await gateway.eventually {
                let counts = gateway.plane.counters().targets
                return (counts.first { $0.id == remoteID }?.overflows ?? 0 > 0) == isOpen
            }
            #expect(isCounted)
        }
    }
}
