import MeshHTTP
import Testing

@Suite("A malformed HTTP/2 message (RFC 9113 section 8.1.1)")
struct HTTP2MalformedTests {
    private static func with(_ name: String, _ value: String) -> [(String, String)] {
        get.map { $0.0 == name ? (name, value) : $0 }
    }

    private static func without(_ name: String) -> [(String, String)] {
        get.filter { $0.0 != name }
    }

    static let requests: [String: [(String, String)]] = [
        "upper case in a name": get + [("X-Name", "v")],
        "empty name": get + [("", "v")],
        "space in a name": get + [("x y", "v")],
        "colon in a name": get + [("x:y", "v")],
        "CR in a name": get + [("x\ry", "v")],
        "CR in a value": get + [("x", "a\rb")],
        "LF in a value": get + [("x", "a\nb")],
        "NUL in a value": get + [("x", "a\0b")],
        "DEL in a value": get + [("x", "a\u{7F}b")],
        "space before a value": get + [("x", " a")],
        "tab behind a value": get + [("x", "a\t")],
        "connection": get + [("connection", "keep-alive")],
        "keep-alive": get + [("keep-alive", "1")],
        "proxy-connection": get + [("proxy-connection", "x")],
        "transfer-encoding": get + [("transfer-encoding", "chunked")],
        "upgrade": get + [("upgrade", "h2c")],
        "te other than trailers": get + [("te", "gzip")],
        "unknown pseudo-header field": get + [(":x", "v")],
        "pseudo-header field of a response": get + [(":status", "200")],
        "pseudo-header field behind others": Self.without(":path") + [("x", "y"), (":path", "/")],
        "pseudo-header field twice": get + [(":path", "/")],
        "no :method": Self.without(":method"),
        "no :scheme": Self.without(":scheme"),
        "no :path": Self.without(":path"),
        "neither :authority nor host": Self.without(":authority"),
        "nothing": [],
        "empty :method": Self.with(":method", ""),
        "space in :method": Self.with(":method", "GET /x HTTP/1.1\r\nx"),
        "empty :path": Self.with(":path", ""),
        ":path without a slash": Self.with(":path", "a"),
        "space in :path": Self.with(":path", "/ HTTP/1.1"),
        "CRLF in :path": Self.with(":path", "/ HTTP/1.1\r\nx: y"),
        "absolute :path": Self.with(":path", "http://b/"),
        "asterisk for GET": Self.with(":path", "*"),
        "empty :authority": Self.with(":authority", ""),
        "space in :authority": Self.with(":authority", "a b"),
        "CRLF in :authority": Self.with(":authority", "a\r\nx: y"),
        "unknown :scheme": Self.with(":scheme", "ftp"),
        "host other than :authority": get + [("host", "b.example")],
        "host twice": Self.without(":authority") + [("host", "a"), ("host", "a")],
        "content-length twice": get + [("content-length", "0"), ("content-length", "0")],
        "content-length that is no number": get + [("content-length", "+1")],
        "content-length without content": get + [("content-length", "1")],
        ":protocol without CONNECT": get + [(":protocol", "websocket")],
        "CONNECT with :path": Self.with(":method", "CONNECT"),
        "CONNECT without :authority": [(":method", "CONNECT")],
    ]

    @Test("that is a request resets its stream only", arguments: requests.keys.sorted())
    func request(what: String) throws {
        let server = try HTTP2End(.server)
        server.begin()
        server.feed(.headers(try #require(Self.requests[what]), on: 1))
        #expect(server.log.isEmpty)
        #expect(server.frames() == [.reset(1, .protocolError)])
        #expect(server.session.counters.resetsForErrors == 1)
        #expect(server.session.openStreams == 0)
        server.feed(.headers(get, on: 3))
        #expect(server.log.first == "3 head GET / HTTP/1.1|Host: a.example|| ends tls")
    }

    @Test("that is a second head without END_STREAM resets its stream")
    func secondHead() throws {
        let server = try HTTP2End(.server)
        server.begin()
        server.feed(.headers(post, on: 1, ends: false), .headers([("x", "y")], on: 1, ends: false))
        #expect(server.frames() == [.reset(1, .protocolError)])
        #expect(server.log.last == "1 closed 1")
    }

    @Test("that has pseudo-header fields in trailers resets its stream (section 8.1)")
    func pseudoTrailers() throws {
        let server = try HTTP2End(.server)
        server.begin()
        server.feed(.headers(post, on: 1, ends: false), .headers([(":path", "/")], on: 1))
        #expect(server.frames() == [.reset(1, .protocolError)])
        #expect(!server.log.contains { $0.contains("trailers") })
    }

    @Test("that has more or less content than it declares resets its stream", arguments: [2, 4])
    func length(declared: Int) throws {
        let server = try HTTP2End(.server)
        server.begin()
        server.feed(
            .headers(post + [("content-length", "\(declared)")], on: 1, ends: false),
            .data("ab", on: 1),
            .data("c", on: 1, ends: true)
        )
        #expect(server.frames().last == .reset(1, .protocolError))
        #expect(server.log.last == "1 closed 1")
        #expect(!server.log.contains("1 end"))
        #expect(server.session.counters.resetsForErrors == 1)
    }

    @Test("is no request whose host repeats :authority in another case")
    func sameHost() throws {
        let server = try HTTP2End(.server)
        server.begin()
        server.feed(.headers(get + [("host", "A.Example")], on: 1))
        #expect(server.log.first == "1 head GET / HTTP/1.1|Host: a.example|| ends tls")
        server.feed(.headers(Self.without(":authority") + [("host", "b")], on: 3))
        #expect(server.log.contains("3 head GET / HTTP/1.1|host: b|| ends tls"))
        server.feed(
            .headers(
                [(":method", "OPTIONS"), (":path", "*")]
                    + get.filter { $0.0 != ":method" && $0.0 != ":path" },
                on: 5
            )
        )
        #expect(server.log.contains("5 head OPTIONS * HTTP/1.1|Host: a.example|| ends tls"))
    }

    static let responses: [String: [(String, String)]] = [
        "no :status": [("x", "y")],
        ":status of two digits": [(":status", "20")],
        ":status 101": [(":status", "101")],
        ":status below 100": [(":status", "099")],
        "transfer-encoding": [(":status", "200"), ("transfer-encoding", "chunked")],
        "LF in a value": [(":status", "200"), ("x", "a\nb")],
        "pseudo-header field of a request": [(":status", "200"), (":path", "/")],
        "content-length without content": [(":status", "200"), ("content-length", "5")],
    ]

    @Test("that is a response resets its stream only", arguments: responses.keys.sorted())
    func response(what: String) throws {
        let client = try HTTP2End(.client)
        client.feed(RawFrame.settings().bytes)
        let stream = try #require(client.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
        _ = client.frames()
        client.log = []
        client.feed(.headers(try #require(Self.responses[what]), on: UInt32(stream)))
        #expect(client.frames() == [.reset(1, .protocolError)])
        #expect(client.log == ["1 closed 1"])
        #expect(client.session.canSubmit)
    }

    @Test("never reaches a target as anything but what was read", arguments: requests.keys.sorted())
    func textIsParsed(what: String) throws {
        // What is accepted is read by the HTTP/1 parser to exactly its end.
        let server = try HTTP2End(.server)
        server.begin()
        server.react = { event in
            guard case .head(let head) = event.kind, head.fault == nil else { return }
            let parsed = Parsed(requestBytes: Array(head.text))
            #expect(parsed.outcome == .complete(consumed: head.text.count))
        }
        server.feed(.headers(get + [("x", "y")], on: 1))
        server.feed(.headers(try #require(Self.requests[what]), on: 3))
        server.feed(.headers(post + [("cookie", "a"), ("cookie", "b")], on: 5, ends: false))
        #expect(server.log.filter { $0.contains("head") }.count == 2)
    }
}
