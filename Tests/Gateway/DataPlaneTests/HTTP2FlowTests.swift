import MeshEntities
import MeshHTTP
import Testing

@testable import MeshDataPlane

@Suite("Flow control and limits of HTTP/2")
struct HTTP2FlowTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    /// More than all buffers of the system between client and target take.
    private let large = 48 * 1_048_576

    @Test("a target that does not read holds back the client's upload (RFC 9113 5.2.1)")
    func slowTarget() async throws {
        let mayRead = Signal()
        let count = self.large
        let origin = Origin { origin, socket, _ in
            guard socket.receive(through: "\r\n\r\n") != nil, mayRead.wait() else { return }
            var total = 0
            while total < count, let bytes = socket.receive() { total += bytes.count }
            origin.note("GOT \(total)")
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
        let gateway = try Gateway(TestEntities.streaming([origin.port]))
        let isThrough = Signal()
        let isAnswered = Signal()
        let port = gateway.port
        let thread = startReactorThread(name: "uploader") {
            let client = HTTP2Client(StreamSocket(port: port))
            let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n"
            guard let stream = client.begin(head, isLast: false) else { return }
            let body = [UInt8](repeating: 7, count: count)
            if client.end.send(body, on: stream, isLast: true) { isThrough.set() }
            if client.answer(stream)?.text == "ok" { isAnswered.set() }
        }

        #expect(!isThrough.wait(milliseconds: 400))
        mayRead.set()
        #expect(isAnswered.wait())
        thread?.join()
        #expect(origin.requests == ["GOT \(count)"])
    }

    @Test("a client that gives no credit holds back its own stream, and no other (9113 5.2.1)")
    func slowClient() throws {
        let count = self.large
        let isThrough = Signal()
        let origin = Origin { _, socket, _ in
            while let request = socket.message() {
                guard request.target == "/large" else {
                    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    continue
                }
                socket.send("HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n")
                if socket.send([UInt8](repeating: 7, count: count)) { isThrough.set() }
            }
        }
        let entities = TestEntities.proxying([origin.port]) { _, route in
            route.stripPath = false
            route.responseBuffering = false
        }
        let gateway = try Gateway(entities)
        let client = HTTP2Client(gateway.connect())
        client.end.consumes = false
        let large = try #require(client.get("/large"))
        client.pump { ($0.answers[large]?.body.count ?? 0) >= 65_535 }
        let stalled = client.answers[large]?.body.count ?? 0
        let other = client.answer(client.get("/small"))
        let wasThrough = isThrough.wait(milliseconds: 300)

        client.end.session.consume(stalled, on: large)
        client.end.consumes = true
        let answer = client.answer(large)

        #expect(stalled <= 65_536)
        #expect(other?.text == "ok")
        #expect(!wasThrough)
        #expect(answer?.body.count == count)
        #expect(answer?.code == .noError)
    }

    @Test("streams that are reset as fast as they are opened end the connection (9113 10.5)")
    func rapidReset() throws {
        let origin = Origin { _, socket, _ in while socket.receive() != nil {} }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = HTTP2Client(gateway.connect())
        for _ in 0..<400 {
            guard let stream = client.get() else { break }
            client.end.reset(stream, .cancel)
        }
        client.pump { $0.hasEnded }
        let other = HTTP2Client(gateway.connect())

        #expect(client.goaways.last?.code == .enhanceYourCalm)
        #expect(client.hasEnded)
        #expect(other.get() != nil)
        #expect(gateway.plane.counters().activeRequests <= 1)
    }

    @Test("a head above the limit is refused on its stream, not on the connection (9113 10.5.1)")
    func largeHead() throws {
        let gateway = try Gateway(TestEntities.proxying([Origin.saying("ok").port]))
        let client = HTTP2Client(gateway.connect())
        let fields = "x-long: \(String(repeating: "v", count: 20_000))\r\n"

        let refused = client.ask("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
        let next = client.ask(self.get)

        #expect(refused?.status == 431)
        #expect(next?.text == "ok")
    }

    @Test("no more streams than announced are open at a time (RFC 9113 5.1.2)")
    func concurrentStreams() async throws {
        let origin = Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            _ = socket.receive()
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = HTTP2Client(gateway.connect())
        let first = try #require(client.get())
        let hasArrived = await eventually { !origin.requests.isEmpty }
        // The settings are here once anything has come back.
        client.end.session.ping(1)
        client.end.flush()
        _ = client.end.next()
        _ = client.end.next()
        var opened = 1
        while client.get() != nil { opened += 1 }

        #expect(hasArrived)
        #expect(opened == 100)
        client.end.reset(first, .cancel)
    }
}
