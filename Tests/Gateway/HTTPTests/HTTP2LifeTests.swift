import MeshHTTP
import Testing

@Suite("The life of an HTTP/2 connection")
struct HTTP2LifeTests {
    private let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test("ends in two steps without losing a request (RFC 9113 section 6.8)")
    func gracefulShutdown() throws {
        let pair = try HTTP2Pair()
        let first = try #require(pair.client.request(self.request))
        pair.exchange()
        pair.server.session.announceShutdown()
        // Still on its way when the announcement is made.
        let second = try #require(pair.client.request(self.request))
        pair.exchange()
        #expect(pair.client.log == ["0 goaway 2147483647 0"])
        #expect(!pair.client.session.canSubmit)
        #expect(pair.client.request(self.request) == nil)
        pair.server.session.shutdown()
        pair.exchange()
        #expect(pair.client.log.last == "0 goaway 3 0")
        #expect(!pair.server.session.isFinished)
        for stream in [first, second] {
            #expect(pair.server.respond("HTTP/1.1 204 X\r\n\r\n", on: stream))
        }
        pair.exchange()
        #expect(
            pair.client.log.suffix(3) == ["3 head HTTP/1.1 204 || ends", "3 end", "3 closed 0"]
        )
        #expect(pair.server.session.isFinished)
        #expect(pair.client.session.isFinished)
        #expect(pair.server.session.fault == nil)
    }

    @Test("tells which requests were not taken, so that they can be sent again")
    func unprocessed() throws {
        let client = try HTTP2End(.client)
        client.feed(.settings())
        #expect(client.request(self.request, tag: 1) == 1)
        #expect(client.request(self.request, tag: 2) == 3)
        _ = client.frames()
        client.log = []
        client.feed(RawFrame(type: RawFrame.goaway, payload: word(1) + word(0)))
        #expect(client.log == ["0 goaway 1 0", "3#2 closed 7"])
        client.feed(.headers([(":status", "204")], on: 1))
        #expect(client.log.last == "1#1 closed 0")
    }

    @Test("ignores streams behind its last GOAWAY, with their content")
    func behindGoaway() throws {
        let server = try HTTP2End(.server)
        server.begin()
        server.feed(.headers(get, on: 1))
        server.session.shutdown()
        let goaway = server.frames()
        #expect(
            goaway.map(\.type) == [RawFrame.goaway] && goaway[0].payload.prefix(4) == [0, 0, 0, 1]
        )
        server.feed(.headers(post, on: 3, ends: false), .data("x", on: 3), .pingFrame)
        #expect(server.frames().map(\.type) == [RawFrame.ping])
        #expect(server.log == ["1 head GET / HTTP/1.1|Host: a.example|| ends tls", "1 end"])
    }

    @Test("makes no more requests than the target wants open (section 5.1.2)")
    func targetLimit() throws {
        let client = try HTTP2End(.client)
        client.feed(.settings([(3, 2)]))
        #expect(client.request(self.request) == 1)
        #expect(client.request(self.request) == 3)
        #expect(!client.session.canSubmit)
        #expect(client.request(self.request) == nil)
        _ = client.frames()
        client.feed(.headers([(":status", "204")], on: 1))
        #expect(client.request(self.request) == 5)
        client.feed(.settings([(3, 100)]))
        #expect(client.log.last == "0 settings")
        #expect(client.session.canSubmit)
    }

    @Test("carries a reset to the other end, both ways, with its code")
    func resets() throws {
        let pair = try HTTP2Pair()
        let first = try #require(pair.client.request(self.request, tag: 5))
        let second = try #require(pair.client.request(self.request, tag: 6))
        pair.exchange()
        pair.client.session.reset(first, .cancel)
        pair.server.session.reset(second, .http11Required)
        pair.exchange()
        #expect(pair.server.log.suffix(2).sorted() == ["1 closed 8 peer", "3 closed 13"])
        #expect(pair.client.log.sorted() == ["1#5 closed 8", "3#6 closed 13 peer"])
        #expect(!pair.server.send("x", on: first))
        #expect(!pair.server.respond("HTTP/1.1 204 X\r\n\r\n", on: first))
        #expect(pair.server.session.tag(of: first) == -1)
    }

    @Test("reports nothing of a stream that the caller gave up but its end")
    func quietAfterReset() throws {
        let server = try HTTP2End(.server)
        server.begin()
        server.feed(.headers(post, on: 1, ends: false))
        server.session.reset(1, .cancel)
        server.log = []
        server.feed(.data("x", on: 1, ends: true))
        _ = server.frames()
        #expect(server.log == ["1 closed 8"])
    }

    @Test("lets a request be cancelled before its head went")
    func earlyCancel() throws {
        let client = try HTTP2End(.client)
        client.feed(.settings())
        _ = client.frames()
        client.log = []
        let stream = try #require(client.request(self.request, ends: false, tag: 3))
        client.session.reset(stream, .cancel)
        let frames = client.frames()
        #expect(!frames.contains { $0.type == RawFrame.data })
        #expect(client.log == ["1#3 closed 8"])
        #expect(client.session.openStreams == 0)
    }

    @Test("lets a server answer before the request ended and stop the rest (section 8.1)")
    func earlyAnswer() throws {
        let pair = try HTTP2Pair()
        let stream = try #require(
            pair.client.request("POST / HTTP/1.1\r\nHost: a\r\n\r\n", ends: false)
        )
        pair.exchange()
        #expect(pair.server.respond("HTTP/1.1 413 X\r\n\r\n", on: stream))
        pair.exchange()
        #expect(pair.client.log.last == "1 end")
        pair.server.session.reset(stream, .noError)
        pair.exchange()
        #expect(pair.client.log.last == "1 closed 0 peer")
        #expect(pair.server.session.counters.resetsForErrors == 0)
    }

    @Test("asks for a sign of life")
    func ping() throws {
        let pair = try HTTP2Pair()
        pair.server.session.ping(0x0102_0304_0506_0708)
        pair.exchange()
        #expect(pair.server.log == ["0 pong \(0x0102_0304_0506_0708)"])
    }

    @Test("copies output in pieces of any size")
    func pieces() throws {
        let server = try HTTP2End(.server)
        server.begin([(4, 100_000)])
        server.feed(.headers(get, on: 1))
        #expect(server.respond("HTTP/1.1 200 OK\r\n\r\n", on: 1, ends: false))
        server.send(String(repeating: "x", count: 30_000), on: 1, ends: true)
        var bytes: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 7, alignment: 1)
        defer { buffer.deallocate() }
        let base = try #require(buffer.baseAddress)
        while true {
            let count = server.session.writeOutput(into: base, capacity: 7)
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        #expect(!server.session.wantsWrite)
        #expect(RawFrame.all(in: bytes).map(\.payload.count).dropFirst() == [16_384, 13_616])
    }

    @Test("refuses heads that are none")
    func noHead() throws {
        let pair = try HTTP2Pair()
        for head in [
            "", "GET", "GET /\r\n", "GET / HTTP/1.1\r\n\r\n", "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nx\r\n\r\n",
        ] {
            #expect(pair.client.request(head) == nil, "\(head)")
        }
        let stream = try #require(pair.client.request(self.request))
        pair.exchange()
        for head in [
            "", "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 abc X\r\n\r\n", "HTTP/1.1 101 X\r\n\r\n",
        ] {
            #expect(!pair.server.respond(head, on: stream), "\(head)")
        }
        #expect(pair.server.respond("HTTP/1.1 200\r\n\r\n", on: stream))
    }
}

@Suite("WebSocket over HTTP/2 (RFC 8441)")
struct HTTP2WebSocketTests {
    private let connect: [(String, String)] = [
        (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
        (":path", "/chat?x"), (":authority", "a.example"), ("sec-websocket-version", "13"),
    ]

    @Test("becomes a handshake of RFC 6455, and its 101 becomes 200")
    func handshake() throws {
        let server = try HTTP2End(.server)
        server.begin()
        var parsed: Parsed?
        server.react = { event in
            if case .head(let head) = event.kind { parsed = Parsed(requestBytes: Array(head.text)) }
        }
        server.feed(.headers(self.connect, on: 1, ends: false))
        let request = try #require(parsed)
        #expect(request.isComplete && request.request.upgrade)
        #expect(request.text(request.request.target) == "/chat?x")
        let key = try #require(request.lines.first { $0.hasPrefix("Sec-WebSocket-Key") })
        #expect(key.split(separator: "|")[1].count == 24)
        #expect(server.log[0].hasSuffix("|| websocket tls"))
        #expect(
            server.respond(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    + "Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
                on: 1
            )
        )
        server.send("\u{1}ping", on: 1)
        let frames = server.frames()
        // `:status: 200` is entry 8 of the static table; END_STREAM is not set.
        #expect(frames[0].payload.first == 0x88 && frames[0].flags == RawFrame.endHeaders)
        #expect(frames[1] == .data("\u{1}ping", on: 1))
        server.feed(.data("pong", on: 1))
        #expect(server.log.last == "1 data 4")
        server.send("", on: 1, ends: true)
        server.feed(.data("", on: 1, ends: true))
        #expect(server.log.suffix(2) == ["1 end", "1 closed 0"])
    }

    @Test("that a target refuses is answered as any request")
    func refused() throws {
        let server = try HTTP2End(.server)
        server.begin()
        server.feed(.headers(self.connect, on: 1, ends: false))
        #expect(server.respond("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", on: 1))
        #expect(server.frames().first?.flags == RawFrame.endHeaders | RawFrame.endStream)
    }

    @Test("is the only protocol; others are CONNECT, which is refused by its method")
    func otherProtocols() throws {
        let server = try HTTP2End(.server)
        server.begin()
        var faults: [HTTPFault?] = []
        server.react = { event in
            if case .head(let head) = event.kind {
                faults.append(Parsed(requestBytes: Array(head.text)).fault)
            }
        }
        let other = self.connect.map { $0.0 == ":protocol" ? ($0.0, "connect-udp") : $0 }
        server.feed(.headers(other, on: 1, ends: false))
        server.feed(
            .headers([(":method", "CONNECT"), (":authority", "a:443")], on: 3, ends: false)
        )
        #expect(faults == [.methodNotAllowed, .methodNotAllowed])
    }

    @Test("gives each handshake another key")
    func keys() throws {
        let server = try HTTP2End(.server)
        server.begin()
        server.feed(.headers(self.connect, on: 1, ends: false))
        server.feed(.headers(self.connect, on: 3, ends: false))
        let texts = server.log.map { $0.dropFirst(2) }
        #expect(texts.count == 2 && texts[0] != texts[1])
    }
}
