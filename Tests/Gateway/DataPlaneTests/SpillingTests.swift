import MeshEntities
import MeshHTTP
import Testing

@testable import MeshDataPlane

@Suite("A body that is too long to wait in memory", .serialized)
struct SpillingTests {
    private static let body = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 11) }
    private static let post =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(Self.body.count)\r\n\r\n"

    /// Says of every request whether its body is the one that was sent.
    private static func comparing() -> Origin {
        Origin.answering { request in
            let text = request.body == Self.body ? "same" : "\(request.body.count)"
            return "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
        }
    }

    private func gateway(
        _ ports: [UInt16],
        change: (inout DataPlaneConfiguration) -> Void = { _ in },
        entities edit: (inout Service, inout Route) -> Void = { _, _ in }
    ) throws -> Gateway {
        try Gateway(TestEntities.proxying(ports, change: edit)) { configuration in
            configuration.bodyBufferByteCount = 65_536
            change(&configuration)
        }
    }

    @Test("waits on disk, and reaches no target before it is whole")
    func request() async throws {
        let origin = Self.comparing()
        let gateway = try self.gateway([origin.port])
        let client = gateway.connect()
        client.send(Self.post)
        client.send(Array(Self.body.dropLast(1)))
        let isSpilled = await gateway.eventually { gateway.plane.counters().spilledBodies == 1 }
        let other = gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let before = origin.requests.count
        client.send(Array(Self.body.suffix(1)))

        #expect(isSpilled)
        #expect(other?.status == 200)
        #expect(before == 1)
        #expect(client.message()?.text == "same")
    }

    @Test("goes to another target after a refusal, whole")
    func retry() throws {
        let origin = Self.comparing()
        let gateway = try self.gateway([Origin.deadPort(), origin.port])
        for _ in 0..<2 {
            let client = gateway.connect()
            client.send(Self.post)
            client.send(Self.body)
            #expect(client.message()?.text == "same")
        }
    }

    @Test("of an HTTP/2 client, too")
    func stream() throws {
        let origin = Self.comparing()
        let gateway = try self.gateway([origin.port])
        let client = HTTP2Client(gateway.connect())
        let answer = client.ask("POST / HTTP/1.1\r\nHost: a\r\n\r\n", body: Self.body)

        #expect(answer?.text == "same")
        #expect(gateway.plane.counters().spilledBodies == 1)
    }

    @Test(
        "streams on from where there is no room on disk, which is counted",
        arguments: [("/var/tmp", 300_000), ("/nowhere/at/all", 1 << 30), ("/var/tmp", 0)]
    )
    func noRoom(directory: String, limit: Int) throws {
        let origin = Self.comparing()
        let gateway = try self.gateway([origin.port]) { configuration in
            configuration.bodyBufferDirectory = directory
            configuration.bodyBufferDiskLimit = limit
        }
        let client = gateway.connect()
        client.send(Self.post)
        client.send(Self.body)
        let http2 = HTTP2Client(gateway.connect())
        let other = http2.ask("POST / HTTP/1.1\r\nHost: a\r\n\r\n", body: Self.body)

        #expect(client.message()?.text == "same")
        #expect(other?.text == "same")
        #expect((gateway.plane.spillFailures > 0) == (limit > 0))
    }

    /// Sends a long answer and says when all of it was taken.
    private static func telling(
        _ head: String,
        _ tail: String = "",
        times: Int = 3
    ) -> Origin {
        Origin { origin, socket, _ in
            guard socket.message() != nil else { return }
            socket.send("HTTP/1.1 200 OK\r\n\(head)\r\n")
            for _ in 0..<times {
                if !tail.isEmpty { socket.send("\(String(Self.body.count, radix: 16))\r\n") }
                socket.send(Self.body)
                if !tail.isEmpty { socket.send("\r\n") }
            }
            socket.send(tail)
            origin.note("SENT")
            _ = socket.receive()
        }
    }

    /// Whether a body is what was sent; nobody wants to see the difference of megabytes.
    private static func isWhole(_ body: [UInt8]?, times: Int = 3) -> Bool {
        body == Array((0..<times).map { _ in Self.body }.joined())
    }

    @Test("does not hold its target, however slow the client is")
    func response() async throws {
        let origin = Self.telling("Content-Length: \(3 * Self.body.count)\r\n")
        let gateway = try self.gateway([origin.port])
        let client = gateway.connect()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let isSent = await gateway.eventually { origin.requests == ["SENT"] }

        #expect(isSent)
        #expect(Self.isWhole(client.message()?.body))
        let isOver = await gateway.eventually { gateway.plane.activeRequests == 0 }
        #expect(isOver)
    }

    @Test("is cut when the node has waited long enough for a client that takes nothing")
    func stopped() async throws {
        let origin = Self.telling("Content-Length: \(3 * Self.body.count)\r\n")
        let gateway = try self.gateway([origin.port])
        let client = StreamSocket(port: gateway.port, segment: 536)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(await gateway.eventually { origin.requests == ["SENT"] })
        // The last of it may still be on its way.
        #expect(await gateway.eventually { gateway.plane.counters().spilledBodies == 1 })
        #expect(gateway.plane.activeRequests == 1)

        gateway.plane.cutRequests(olderThan: .zero)

        #expect(await gateway.eventually { gateway.plane.activeRequests == 0 })
    }

    @Test("in chunks keeps its trailers (RFC 9112 7.1.2)")
    func trailers() async throws {
        let origin = Self.telling(
            "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n",
            "0\r\nX-Sum: 8\r\n\r\n",
            times: 2
        )
        let gateway = try self.gateway([origin.port])
        let client = gateway.connect()
        client.send("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n")
        let isSent = await gateway.eventually { origin.requests == ["SENT"] }
        let answer = client.message()

        #expect(isSent)
        #expect(Self.isWhole(answer?.body, times: 2))
        #expect(answer?.trailers == ["X-Sum: 8"])
    }

    @Test("does not hold its target behind an HTTP/2 client's window (RFC 9113 5.2)")
    func responseStream() async throws {
        let origin = Self.telling("Content-Length: \(3 * Self.body.count)\r\n")
        let gateway = try self.gateway([origin.port])
        let client = HTTP2Client(gateway.connect())
        let stream = client.get()
        let isSent = await gateway.eventually { origin.requests == ["SENT"] }
        let answer = client.answer(stream)

        #expect(isSent)
        #expect(Self.isWhole(answer?.body))
        #expect(answer?.isWhole == true)
    }

    @Test("goes to no disk where the route streams responses")
    func unbuffered() throws {
        let origin = Self.telling("Content-Length: \(3 * Self.body.count)\r\n")
        let gateway = try self.gateway(
            [origin.port],
            entities: { _, route in
                route.responseBuffering = false
            }
        )
        let client = gateway.connect()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")

        #expect(Self.isWhole(client.message()?.body))
        #expect(gateway.plane.counters().spilledBodies == 0)
    }

    @Test("is passed on as far as it came when its target breaks off")
    func cut() async throws {
        let log = AccessLogFile()
        let origin = Origin { origin, socket, _ in
            guard socket.message() != nil else { return }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n")
            socket.send(Self.body)
            origin.note("SENT")
        }
        let gateway = try self.gateway([origin.port]) { $0.accessLog = log.sink }
        let client = gateway.connect()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let isSent = await gateway.eventually { origin.requests == ["SENT"] }
        _ = client.receive(through: "\r\n\r\n")
        let received = client.receiveAll()

        #expect(isSent)
        let isReceived = received == Self.body
        #expect(isReceived)
        #expect(await log.line().contains("\"cut\":\"target\""))
    }
}
