import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("An upgrade to another protocol")
struct UpgradeTests {
    static let request =
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    static let accepted =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    /// A target that agrees once `mayAgree` is set, and then sends back what it gets.
    private func echo(_ mayAgree: Signal, agreeing: String = Self.accepted) -> Origin {
        Origin { origin, socket, _ in
            guard let head = socket.receive(through: "\r\n\r\n") else { return }
            origin.note(head)
            guard mayAgree.wait() else { return }
            socket.send(agreeing)
            while let bytes = socket.receive() { socket.send(bytes) }
            socket.send("END")
        }
    }

    @Test("keeps bytes that came in one piece with the request (RFC 6455 4.1)")
    func bytesWithRequest() throws {
        let mayAgree = Signal()
        mayAgree.set()
        let origin = self.echo(mayAgree)
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()

        client.send(Self.request + "EARLY")

        #expect(client.message()?.status == 101)
        #expect(client.receive(exactly: 5) == Array("EARLY".utf8))
    }

    @Test("keeps bytes that came before the answer, without another byte to wake it")
    func bytesBeforeAnswer() async throws {
        let mayAgree = Signal()
        let origin = self.echo(mayAgree)
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()
        client.send(Self.request)
        let hasArrived = await eventually { origin.requests.count >= 1 }

        client.send("EARLY")
        try await Task.sleep(for: .milliseconds(50))
        mayAgree.set()

        #expect(hasArrived)
        #expect(client.message()?.status == 101)
        #expect(client.receive(exactly: 5) == Array("EARLY".utf8))
    }

    @Test("keeps bytes of the target that came in one piece with its 101 (RFC 9110 15.2.2)")
    func bytesWithAnswer() throws {
        let mayAgree = Signal()
        mayAgree.set()
        let origin = self.echo(mayAgree, agreeing: Self.accepted + "HELLO")
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()

        client.send(Self.request)

        #expect(client.message()?.status == 101)
        #expect(client.receive(exactly: 5) == Array("HELLO".utf8))
        client.send("again")
        #expect(client.receive(exactly: 5) == Array("again".utf8))
    }

    @Test("lets the target go on after the client has finished (half-close)")
    func halfClose() throws {
        let mayAgree = Signal()
        mayAgree.set()
        let origin = self.echo(mayAgree)
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()
        client.send(Self.request)
        let answer = client.message()

        client.send("last")
        client.shutdownWrite()

        #expect(answer?.status == 101)
        #expect(client.receiveAll() == Array("lastEND".utf8))
    }

    @Test("lets the client go on after the target has finished (half-close)")
    func targetHalfClose() async throws {
        let origin = Origin { origin, socket, _ in
            guard socket.receive(through: "\r\n\r\n") != nil else { return }
            socket.send(Self.accepted + "bye")
            socket.shutdownWrite()
            let rest = socket.receiveAll()
            origin.note("GOT \(rest.count)")
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()
        client.send(Self.request)
        let answer = client.message()

        #expect(answer?.status == 101)
        #expect(client.receiveAll() == Array("bye".utf8))
        client.send([UInt8](repeating: 7, count: 100_000))
        client.shutdownWrite()
        let isWhole = await eventually { origin.requests == ["GOT 100000"] }
        #expect(isWhole)
    }

    @Test("holds back whoever is faster than the other side")
    func backpressure() async throws {
        let mayRead = Signal()
        let count = 48 * 1_048_576
        let origin = Origin { origin, socket, _ in
            guard socket.receive(through: "\r\n\r\n") != nil else { return }
            socket.send(Self.accepted)
            guard mayRead.wait() else { return }
            var total = 0
            while let bytes = socket.receive() { total += bytes.count }
            origin.note("GOT \(total)")
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()
        client.send(Self.request)
        let answer = client.message()
        let hasSent = Signal()
        let sender = startReactorThread(name: "sender") {
            if client.send([UInt8](repeating: 7, count: count)) { hasSent.set() }
            client.shutdownWrite()
        }

        let isThrough = hasSent.wait(milliseconds: 300)
        mayRead.set()
        let isWhole = await eventually { origin.requests == ["GOT \(count)"] }
        sender?.join()

        #expect(answer?.status == 101)
        #expect(!isThrough, "48 MiB do not fit into the buffers between")
        #expect(isWhole, "\(origin.requests)")
    }

    @Test("is logged as 101 with the bytes of both ways")
    func isLogged() async throws {
        let log = AccessLogFile()
        let mayAgree = Signal()
        mayAgree.set()
        let origin = self.echo(mayAgree)
        let gateway = try Gateway(TestEntities.proxying([origin.port])) { configuration in
            configuration.accessLog = log.sink
        }
        let client = gateway.connect()
        client.send(Self.request + "EARLY")
        _ = client.message()
        client.shutdownWrite()
        let rest = client.receiveAll()

        let line = await log.line()
        #expect(rest == Array("EARLYEND".utf8))
        #expect(line.contains("\"status\":101"))
        #expect(!line.contains("\"error\""))
        #expect(!line.contains("\"cut\""))
    }

    @Test("that the target declines by another status leaves the connection HTTP (RFC 9110 7.8)")
    func declined() throws {
        let origin = Origin.answering { _ in
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()

        client.send(Self.request + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")

        #expect(client.message()?.text == "no")
        #expect(client.message()?.text == "no")
        #expect(origin.requests == ["GET /ws HTTP/1.1", "GET /next HTTP/1.1"])
    }
}
