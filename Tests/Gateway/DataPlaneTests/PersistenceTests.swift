import MeshEntities
import MeshHealth
import Testing

@testable import MeshDataPlane

@Suite("Where a client waits for what comes late")
struct PersistenceTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test("a request pipelined behind a 504 is served at once, on a quiet worker")
    func behindTimeout() throws {
        let origin = Origin { origin, socket, _ in
            while let request = socket.message() {
                origin.note(request)
                guard request.target == "/next" else { continue }
                socket.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")
            }
        }
        let entities = TestEntities.proxying([origin.port]) { service, _ in
            service.readTimeout = 80
            service.retries = 0
        }
        let gateway = try Gateway(entities)
        let client = gateway.connect()
        let begin = ContinuousClock.now
        client.send(self.get + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")

        #expect(client.message()?.status == 504)
        #expect(client.message()?.text == "next")
        #expect(ContinuousClock.now - begin < .seconds(1))
    }

    @Test("a target that speaks first is heard, its early answer belongs to the request")
    func speaksFirst() throws {
        let origin = Origin { _, socket, _ in
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly")
            while socket.receive() != nil {}
        }
        let entities = TestEntities.proxying([origin.port]) { service, _ in
            service.readTimeout = 2_000
            service.retries = 0
        }
        let gateway = try Gateway(entities)
        let begin = ContinuousClock.now

        let answer = gateway.ask(self.get)

        #expect(answer != nil)
        #expect(ContinuousClock.now - begin < .milliseconds(1_500))
    }

    @Test("an upload of 128 KiB goes to another target when the first refuses the connection")
    func retriesLargeUpload() throws {
        let origin = Origin.answering { request in
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\(request.body.count)"
        }
        let dead = Origin.deadPort()
        let body = [UInt8](repeating: UInt8(ascii: "u"), count: 131_072)
        for ports in [[dead, origin.port], [origin.port, dead]] {
            let gateway = try Gateway(
                TestEntities.proxying(ports) { service, _ in service.retries = 2 }
            )
            for _ in 0..<2 {
                let client = gateway.connect()
                client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n")
                client.send(body)
                #expect(client.message()?.text == "131072")
            }
        }
    }

    @Test("a client that takes next to nothing loses its connection in the end")
    func slowReader() async throws {
        let log = AccessLogFile()
        let count = 16_000_000
        let origin = Origin { _, socket, _ in
            guard socket.message() != nil else { return }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n")
            socket.send([UInt8](repeating: 7, count: count))
            _ = socket.receive()
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port])) { configuration in
            configuration.accessLog = log.sink
            configuration.writeStallTimeout = .milliseconds(200)
        }
        let client = gateway.connect()
        client.shrinkReceiveBuffer()
        client.send(self.get)
        _ = client.receive(through: "\r\n\r\n")
        let isEnded = Signal()
        let reader = startReactorThread(name: "reader") {
            // A byte within every limit: the window is probed, but nothing comes of it.
            while !isEnded.wait(milliseconds: 50), client.readMore(limit: 1) != nil {}
        }

        let lines = await log.lines(1)
        isEnded.set()
        reader?.join()

        #expect(lines.first?.contains("\"owner\":\"client\"") == true, "\(lines)")
        #expect(lines.first?.contains("\"cut\":\"client\"") == true)
        #expect(gateway.plane.counters().activeConnections == 0)
    }

    @Test("a client that takes enough keeps its connection, however slow it is")
    func steadyReader() throws {
        let count = 1_500_000
        let origin = Origin.answering { _ in
            "HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n"
                + String(repeating: "x", count: count)
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port])) { configuration in
            configuration.writeStallTimeout = .milliseconds(200)
        }
        let client = gateway.connect()
        client.shrinkReceiveBuffer(to: 65_536)
        client.send(self.get)
        _ = client.receive(through: "\r\n\r\n")
        var total = 0
        let pause = Signal()
        while total < count, let more = client.receive(limit: 65_536) {
            total += more.count
            pause.wait(milliseconds: 30)
        }

        #expect(total == count)
    }

    @Test("least connections counts what is in flight across a change of configuration")
    func countsAcrossChange() async throws {
        let origins = (0..<2).map { name in
            Origin { origin, socket, _ in
                guard let head = socket.receive(through: "\r\n\r\n") else { return }
                origin.note(head)
                socket.send("\(UpgradeTests.accepted)\(name)")
                while let bytes = socket.receive() { socket.send(bytes) }
            }
        }
        var entities = TestEntities.proxying(origins.map(\.port))
        entities.upstreams[0].algorithm = .leastConnections
        let gateway = try Gateway(entities)
        func open() -> (target: [UInt8]?, socket: StreamSocket) {
            let client = gateway.connect()
            client.send(UpgradeTests.request)
            _ = client.message()
            return (client.receive(exactly: 1), client)
        }
        var clients = (0..<8).map { _ in open() }
        let before = origins.map(\.requests.count)

        // The second target's four end, and an unrelated service comes.
        clients.removeAll { $0.target == Array("1".utf8) }
        let second = TestEntities.target(origins[1].port)
        let hasSettled = await eventually {
            gateway.plane.counters().targets.contains { $0.id == second && $0.inFlight == 0 }
        }
        entities.services.append(Service(id: EntityID(high: 9, low: 9), host: "127.0.0.1"))
        try gateway.install(entities, version: 2)
        clients += (0..<4).map { _ in open() }
        let after = origins.map(\.requests.count)

        #expect(before == [4, 4])
        #expect(hasSettled)
        #expect(after == [4, 8])
    }
}
