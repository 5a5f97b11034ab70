import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("The end of a relay")
struct RelayEndTests {
    /// A target that agrees to an upgrade, says something, and finishes.
    private func parting() -> Origin {
        Origin { _, socket, _ in
            guard socket.receive(through: "\r\n\r\n") != nil else { return }
            socket.send(UpgradeTests.accepted + "bye")
            socket.shutdownWrite()
            _ = socket.receiveAll()
        }
    }

    /// A target that agrees to an upgrade and waits for the end.
    private func staying(_ origins: Signal) -> Origin {
        Origin { _, socket, _ in
            guard socket.receive(through: "\r\n\r\n") != nil else { return }
            socket.send(UpgradeTests.accepted)
            _ = socket.receiveAll()
            origins.set()
        }
    }

    private func logging(_ origin: Origin, _ log: AccessLogFile) throws -> Gateway {
        try Gateway(TestEntities.proxying([origin.port])) { $0.accessLog = log.sink }
    }

    @Test("is no error when the client closes behind the target")
    func clientCloses() async throws {
        let log = AccessLogFile()
        let gateway = try self.logging(self.parting(), log)
        let client = gateway.connect()
        client.send(UpgradeTests.request)
        #expect(client.message()?.status == 101)
        #expect(client.receiveAll() == Array("bye".utf8))

        client.shutdown()

        let line = await log.line()
        #expect(line.contains("\"status\":101"))
        #expect(!line.contains("\"error\""), "\(line)")
        #expect(!line.contains("\"cut\""))
    }

    @Test("is no error when the client resets what is idle, and reaches the target")
    func clientResets() async throws {
        let log = AccessLogFile()
        let hasEnded = Signal()
        let gateway = try self.logging(self.staying(hasEnded), log)
        var client: StreamSocket? = gateway.connect()
        client?.send(UpgradeTests.request)
        #expect(client?.message()?.status == 101)

        client?.reset()
        client = nil

        let line = await log.line()
        #expect(hasEnded.wait())
        #expect(line.contains("\"status\":101"))
        #expect(!line.contains("\"error\""), "\(line)")
    }

    @Test("is a cut by the client when bytes of the target still waited for it")
    func clientLeavesBytes() async throws {
        let log = AccessLogFile()
        let origin = Origin { _, socket, _ in
            guard socket.receive(through: "\r\n\r\n") != nil else { return }
            socket.send(UpgradeTests.accepted)
            socket.send([UInt8](repeating: 7, count: 32 * 1_048_576))
            _ = socket.receiveAll()
        }
        let gateway = try self.logging(origin, log)
        var client: StreamSocket? = gateway.connect()
        client?.send(UpgradeTests.request)
        #expect(client?.message()?.status == 101)
        // More comes than all buffers hold: what has arrived stops growing when the gateway waits.
        var (arrived, looks) = (0, 0)
        #expect(
            await eventually {
                let count = client?.waitingCount ?? 0
                (looks, arrived) = (count > 0 && count == arrived ? looks + 1 : 0, count)
                return looks >= 20
            }
        )

        client?.reset()
        client = nil

        let line = await log.line()
        #expect(line.contains("\"cut\":\"client\""), "\(line)")
    }
}
