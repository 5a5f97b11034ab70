import MeshHTTP
import MeshPrimitives
import Testing

@Suite("An HTTP/2 exchange (RFC 9113 section 8)")
struct HTTP2ExchangeTests {
    @Test("carries a request and a response as HTTP/1 text")
    func requestAndResponse() throws {
        let pair = try HTTP2Pair()
        let head = "GET /a?b HTTP/1.1\r\nHost: A.example:8443\r\nX-Name: Value\r\n\r\n"
        let stream = try #require(pair.client.request(head, tag: 7))
        pair.exchange()
        #expect(
            pair.server.log == [
                "1 head GET /a?b HTTP/1.1|Host: A.example:8443|x-name: Value|| ends tls", "1 end",
            ]
        )
        pair.server.session.setTag(9, on: stream)
        #expect(
            pair.server.respond(
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
                on: stream,
                ends: false
            )
        )
        #expect(pair.server.send("hello", on: stream, ends: true))
        pair.exchange()
        #expect(pair.server.log.last == "1#9 closed 0")
        #expect(
            pair.client.log == [
                "1#7 head HTTP/1.1 200 |content-length: 5||", "1#7 data 5", "1#7 end",
                "1#7 closed 0",
            ]
        )
        #expect(pair.client.session.openStreams == 0)
        #expect(pair.server.session.openStreams == 0)
    }

    @Test("puts head and content of a response into two frames without an empty one")
    func framesAreFew() throws {
        let server = try HTTP2End(.server)
        server.begin()
        server.feed(.headers(get, on: 1))
        #expect(server.respond("HTTP/1.1 200 OK\r\n\r\n", on: 1, ends: false))
        #expect(server.send("hello", on: 1, ends: true))
        let frames = server.frames()
        #expect(frames.map(\.type) == [RawFrame.headers, RawFrame.data])
        #expect(frames.map(\.flags) == [RawFrame.endHeaders, RawFrame.endStream])
    }

    @Test("frames a request by chunks when content follows that declares no length")
    func framing() throws {
        let server = try HTTP2End(.server)
        server.begin()
        server.feed(.headers(post, on: 1, ends: false))
        server.feed(.headers(post + [("content-length", "3")], on: 3, ends: false))
        server.feed(.headers(post + [("content-length", "0")], on: 5))
        server.feed(.headers(post, on: 7))
        let text = "POST / HTTP/1.1|Host: a.example|"
        #expect(
            server.log.filter { $0.contains("head") } == [
                "1 head \(text)Transfer-Encoding: chunked|| tls",
                "3 head \(text)content-length: 3|| tls",
                "5 head \(text)content-length: 0|| ends tls",
                "7 head \(text)| ends tls",
            ]
        )
    }

    @Test("joins cookie crumbs (RFC 9113 section 8.2.3)")
    func cookies() throws {
        let server = try HTTP2End(.server)
        server.begin()
        let crumbs = [("cookie", "a=1"), ("accept", "*/*"), ("cookie", "b=2")]
        server.feed(.headers(get + crumbs, on: 1))
        #expect(
            server.log.first
                == "1 head GET / HTTP/1.1|Host: a.example|accept: */*|cookie: a=1; b=2|| ends tls"
        )
    }

    @Test("carries trailers both ways, and leaves framing fields out of them")
    func trailers() throws {
        let pair = try HTTP2Pair()
        let stream = try #require(
            pair.client.request("POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n", ends: false)
        )
        pair.client.send("up", on: stream)
        #expect(pair.client.trailers("X-Up: 1\r\nContent-Length: 9\r\n", on: stream))
        pair.exchange()
        #expect(
            pair.server.log == [
                "1 head POST / HTTP/1.1|Host: a|te: trailers|Transfer-Encoding: chunked|| tls",
                "1 data 2", "1 trailers x-up: 1|", "1 end",
            ]
        )
        #expect(pair.server.respond("HTTP/1.1 200 OK\r\n\r\n", on: stream, ends: false))
        pair.exchange()
        #expect(pair.server.trailers("grpc-status: 0\r\n", on: stream))
        pair.exchange()
        #expect(
            pair.client.log == [
                "1 head HTTP/1.1 200 |Transfer-Encoding: chunked||", "1 trailers grpc-status: 0|",
                "1 end", "1 closed 0",
            ]
        )
    }

    @Test("ends plainly when no trailer is left to send")
    func noTrailers() throws {
        let pair = try HTTP2Pair()
        let stream = try #require(
            pair.client.request("POST / HTTP/1.1\r\nHost: a\r\n\r\n", ends: false)
        )
        #expect(pair.client.trailers("Host: b\r\n", on: stream))
        pair.exchange()
        #expect(pair.server.log.last == "1 end")
        #expect(!pair.server.log.contains { $0.contains("trailers") })
    }

    @Test("carries interim responses before the final one (RFC 9110 section 15.2)")
    func interim() throws {
        let pair = try HTTP2Pair()
        let stream = try #require(pair.client.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
        pair.exchange()
        #expect(
            pair.server.respond("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", on: stream)
        )
        #expect(pair.server.respond("HTTP/1.1 204 No Content\r\n\r\n", on: stream))
        #expect(!pair.server.respond("HTTP/1.1 200 OK\r\n\r\n", on: stream), "answered twice")
        pair.exchange()
        #expect(
            pair.client.log == [
                "1 head HTTP/1.1 103 |link: x||", "1 head HTTP/1.1 204 || ends", "1 end",
                "1 closed 0",
            ]
        )
    }

    @Test(
        "declares no content where there is none, but not for HEAD, 204 and 304",
        arguments: [
            ("GET", "200", "HTTP/1.1 200 |Content-Length: 0|| ends"),
            ("HEAD", "200", "HTTP/1.1 200 || ends"),
            ("GET", "304", "HTTP/1.1 304 || ends"),
            ("GET", "204", "HTTP/1.1 204 || ends"),
        ]
    )
    func emptyResponses(method: String, status: String, text: String) throws {
        let pair = try HTTP2Pair()
        let stream = try #require(pair.client.request("\(method) / HTTP/1.1\r\nHost: a\r\n\r\n"))
        pair.exchange()
        #expect(pair.server.respond("HTTP/1.1 \(status) X\r\n\r\n", on: stream))
        pair.exchange()
        #expect(pair.client.log.first == "1 head \(text)")
    }

    @Test("keeps the length that a response to HEAD declares")
    func headLength() throws {
        let pair = try HTTP2Pair()
        let stream = try #require(pair.client.request("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"))
        pair.exchange()
        #expect(
            pair.server.respond("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n", on: stream)
        )
        pair.exchange()
        #expect(pair.client.log.first == "1 head HTTP/1.1 200 |content-length: 12345|| ends")
        #expect(pair.client.log.last == "1 closed 0")
    }

    @Test("hands on every byte of many streams however they are cut", arguments: 0..<12)
    func fragments(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var limits = HTTP2Limits()
        limits.streamWindowByteCount = UInt32.random(in: 1_000...70_000, using: &random)
        limits.outputByteCount = Int.random(in: 1...40_000, using: &random)
        let pair = try HTTP2Pair(limits)
        let bodies = (0..<8).map { _ in
            (0..<Int.random(in: 0...150_000, using: &random)).map { UInt8(truncatingIfNeeded: $0) }
        }
        var left = bodies.map { $0[...] }
        let streams = try bodies.map { _ in
            try #require(
                pair.client.request("POST /x HTTP/1.1\r\nHost: a\r\n\r\n", ends: false)
            )
        }
        let echo = pair.server
        echo.react = { [unowned echo] event in
            switch event.kind {
            case .head:
                #expect(echo.respond("HTTP/1.1 200 OK\r\n\r\n", on: event.stream, ends: false))
            case .data(let bytes):
                #expect(echo.session.send(bytes, on: event.stream, endsStream: false))
            case .end: echo.send("", on: event.stream, ends: true)
            case .trailers, .drained, .closed, .goaway, .settings, .settingsAcknowledged, .pong:
                break
            }
        }
        var pieces = SeededGenerator(seed: seed &+ 100)
        var ended: Set<Int32> = []
        while ended.count < streams.count {
            for (index, stream) in streams.enumerated() where !ended.contains(stream) {
                guard pair.client.session.waiting(on: stream) == 0 else { continue }
                let count = min(Int.random(in: 0...30_000, using: &random), left[index].count)
                let ends = count == left[index].count
                let piece = Array(left[index].prefix(count))
                left[index] = left[index].dropFirst(count)
                let taken = piece.withUnsafeBytes {
                    pair.client.session.send($0, on: stream, endsStream: ends)
                }
                #expect(taken)
                if ends { ended.insert(stream) }
            }
            pair.exchange { Int.random(in: 1...20_000, using: &pieces) }
        }
        pair.exchange { Int.random(in: 1...20_000, using: &pieces) }
        for (stream, body) in zip(streams, bodies) {
            #expect(pair.client.content[stream, default: []] == body)
        }
        #expect(pair.client.session.openStreams == 0)
        #expect(pair.server.session.openStreams == 0)
        #expect(pair.client.session.fault == nil && pair.server.session.fault == nil)
    }
}
