import MeshEntities
import MeshHTTP
import Testing

@testable import MeshDataPlane

@Suite("A client that speaks HTTP/2")
struct HTTP2ClientTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    /// A target of HTTP/1 that answers `/slow` when it may, and tells who it is.
    private func origin(_ name: String, _ mayAnswer: Signal = Signal()) -> Origin {
        Origin { origin, socket, _ in
            while let request = socket.message() {
                origin.note(request)
                if request.target.hasPrefix("/slow"), !mayAnswer.wait() { return }
                socket.send("HTTP/1.1 200 OK\r\nContent-Length: \(name.utf8.count)\r\n\r\n\(name)")
            }
        }
    }

    @Test("is understood by prior knowledge, too, in whatever pieces it comes (RFC 9113 3.3)")
    func priorKnowledge() throws {
        let gateway = try Gateway(TestEntities.proxying([self.origin("ok").port]))
        let client = HTTP2Client(gateway.connect())
        let first = client.ask(self.get)
        let second = client.ask(self.get)

        #expect(first?.text == "ok")
        #expect(first?.head?["connection"] == nil)
        #expect(first?.isWhole == true)
        #expect(second?.text == "ok")
    }

    @Test("has many streams at once, balanced one by one, a slow one holds up none (9113 5.1.2)")
    func multiplexes() async throws {
        let mayAnswer = Signal()
        let origins = ["0", "1"].map { self.origin($0, mayAnswer) }
        let gateway = try Gateway(TestEntities.proxying(origins.map(\.port)))
        let client = HTTP2Client(gateway.connect())
        let slow = client.get("/slow")
        let hasArrived = await eventually {
            origins.map(\.requests.count).reduce(0, +) == 1
        }

        let quick = (0..<20).compactMap { client.get("/\($0)") }
        let answers = quick.map { client.answer($0)?.text }
        let isOpen = client.answers[slow ?? 0]?.code == nil
        mayAnswer.set()
        let last = client.answer(slow)

        #expect(hasArrived)
        #expect(quick.count == 20)
        #expect(answers.allSatisfy { $0 == "0" || $0 == "1" })
        #expect(isOpen)
        #expect(last?.text.count == 1)
        let counts = origins.map(\.requests.count)
        #expect(counts.reduce(0, +) == 21)
        #expect(abs(counts[0] - counts[1]) <= 1, "\(counts)")
        #expect(gateway.plane.counters().acceptedConnections == 1)
    }

    @Test("is told to the target as any other client is (RFC 9113 8.3.1)")
    func translates() throws {
        let origin = self.origin("ok")
        let gateway = try Gateway(
            TestEntities.proxying([origin.port]) { _, route in route.preserveHost = true }
        )
        let client = HTTP2Client(gateway.connect())
        let answer = client.ask(
            "POST /p?q=1 HTTP/1.1\r\nHost: shop.example\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n",
            body: Array("abc".utf8)
        )
        let request = origin.messages.first

        #expect(answer?.text == "ok")
        #expect(request?.startLine == "POST /p?q=1 HTTP/1.1")
        #expect(request?["host"] == "shop.example")
        #expect(request?["cookie"] == "a=b; c=d")
        #expect(request?.text == "abc")
        #expect(request?["x-forwarded-proto"] == "http")
        #expect(request?.fields.allSatisfy { !$0.name.hasPrefix(":") } == true)
    }

    @Test("gets no content for HEAD, 204 and 304, and the lengths that were told (RFC 9110 9.3.2)")
    func noContent() throws {
        let origin = Origin { _, socket, _ in
            while let request = socket.message() {
                switch request.target {
                case "/204": socket.send("HTTP/1.1 204 No Content\r\n\r\n")
                case "/304": socket.send("HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n")
                default: socket.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
                }
            }
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = HTTP2Client(gateway.connect())
        let head = client.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        let none = client.ask("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n")
        let same = client.ask("GET /304 HTTP/1.1\r\nHost: a\r\n\r\n")

        #expect(head?.status == 200)
        #expect(head?.head?["content-length"] == "5")
        #expect(head?.body == [])
        #expect(head?.code == .noError)
        #expect(none?.status == 204)
        #expect(none?.code == .noError)
        #expect(same?.status == 304)
        #expect(same?.head?["etag"] == "\"e\"")
        #expect(same?.code == .noError)
    }

    @Test("gets interim answers before the final one (RFC 9110 15.2)")
    func interims() throws {
        let origin = Origin.answering { _ in
            "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
                + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = HTTP2Client(gateway.connect())
        let answer = client.ask(self.get)

        #expect(answer?.interims.map(\.status) == [103])
        #expect(answer?.interims.first?["link"] == "</a.css>")
        #expect(answer?.text == "ok")
    }

    @Test("is told to go on when it expects that (RFC 9110 10.1.1)")
    func expectsContinue() throws {
        let origin = self.origin("ok")
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = HTTP2Client(gateway.connect())
        let stream = try #require(
            client.begin(
                "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
                isLast: false
            )
        )
        let isTold = client.pump { $0.answers[stream]?.interims.first?.status == 100 }
        client.end.send(Array("abc".utf8), on: stream, isLast: true)

        #expect(isTold)
        #expect(client.answer(stream)?.text == "ok")
        #expect(origin.messages.first?.text == "abc")
    }

    @Test("sends and gets trailers, in chunks on the target's side (RFC 9113 8.1)")
    func trailers() throws {
        let origin = Origin.answering { _ in
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 9\r\n\r\n"
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = HTTP2Client(gateway.connect())
        let stream = try #require(
            client.begin(
                "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n",
                isLast: false
            )
        )
        client.end.send(Array("abc".utf8), on: stream, isLast: false)
        _ = Array("x-mine: 1\r\n".utf8).withUnsafeBytes {
            client.end.session.sendTrailers($0, on: stream)
        }
        client.end.flush()
        let answer = client.answer(stream)

        #expect(answer?.text == "ok")
        #expect(answer?.trailers.map { $0.lowercased() } == ["x-sum: 9"])
        #expect(answer?.code == .noError)
        #expect(origin.messages.first?.text == "abc")
        #expect(origin.messages.first?.trailers.map { $0.lowercased() } == ["x-mine: 1"])
    }

    @Test("that resets a stream cancels the target's work, and is logged 499 (RFC 9113 5.4.2)")
    func cancels() async throws {
        let log = AccessLogFile()
        let origin = Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            if socket.receive() == nil { origin.note("CLOSED") }
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port])) {
            $0.accessLog = log.sink
        }
        let client = HTTP2Client(gateway.connect())
        let stream = try #require(client.get())
        let hasArrived = await eventually { origin.requests.count >= 1 }
        client.end.reset(stream, .cancel)
        let isCancelled = await eventually { origin.requests.last == "CLOSED" }

        #expect(hasArrived)
        #expect(isCancelled)
        #expect(await log.line().contains("\"status\":499"))
        #expect(gateway.plane.counters().activeConnections == 1)
    }

    @Test("whose answer is cut sees its stream reset after what came (RFC 9113 8.1.1)")
    func cutAnswer() async throws {
        let log = AccessLogFile()
        let origin = Origin { _, socket, _ in
            guard socket.message() != nil else { return }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            socket.send([UInt8](repeating: 7, count: 40_000))
            socket.shutdownWrite()
            _ = socket.receive()
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port])) {
            $0.accessLog = log.sink
        }
        let client = HTTP2Client(gateway.connect())
        let answer = client.answer(client.get())

        #expect(answer?.status == 200)
        #expect(answer?.body.count == 40_000)
        #expect(answer?.isWhole == false)
        #expect(answer?.code == .internalError)
        #expect(await log.line().contains("\"cut\":\"target\""))
    }
}
