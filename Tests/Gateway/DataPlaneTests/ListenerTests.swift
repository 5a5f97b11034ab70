import Glibc
import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshDataPlane

@Suite("Listening and accepting")
struct ListenerTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test("a port where another data plane listens is refused, several workers or not")
    func portInUse() throws {
        let gateway = try Gateway(
            TestEntities.proxying([Origin.saying("first").port]),
            workers: 2
        )
        let endpoint = Endpoint(address: .v4(0x7F00_0001), port: gateway.port)
        var configuration = DataPlaneConfiguration()
        configuration.listen = [ListenAddress(endpoint)]
        configuration.workers = 2
        let second = DataPlane(configuration: configuration) { _ in }

        #expect(throws: DataPlaneError.cannotListen(endpoint, errno: EADDRINUSE)) {
            try second.start()
        }
        for _ in 0..<8 { #expect(gateway.ask(self.get)?.text == "first") }
    }

    @Test("a port is free for the next data plane once the first has ended")
    func portIsFreed() throws {
        let gateway = try Gateway(TestEntities.proxying([Origin.saying("first").port]))
        let endpoint = Endpoint(address: .v4(0x7F00_0001), port: gateway.port)
        _ = gateway.ask(self.get)
        gateway.plane.stop()
        var configuration = DataPlaneConfiguration()
        configuration.listen = [ListenAddress(endpoint)]
        configuration.workers = 1
        let second = DataPlane(configuration: configuration) { _ in }

        #expect(throws: Never.self) { try second.start() }
        second.stop()
    }

    @Test("accepting goes on within a quarter of a second after there is room, all else quiet")
    func acceptPause() async throws {
        let gateway = try Gateway(TestEntities.proxying([Origin.saying("ok").port])) {
            $0.maximumConnections = 1
        }
        var first: StreamSocket? = gateway.connect()
        first?.send(self.get)
        _ = first?.message()
        let second = gateway.connect()
        second.send(self.get)
        let isPaused = await eventually { gateway.plane.counters().acceptPauses > 0 }
        // Long enough for every timer of this worker but the pause's own to have run.
        try await Task.sleep(for: .milliseconds(300))

        let begin = ContinuousClock.now
        first = nil
        let answer = second.message()
        let waited = ContinuousClock.now - begin

        #expect(isPaused)
        #expect(answer?.text == "ok")
        #expect(waited < .milliseconds(250), "\(waited)")
    }
}
