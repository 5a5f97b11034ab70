import MeshHTTP
import MeshPrimitives
import Testing

@Suite("A request head")
struct RequestHeadTests {
    private static let usual = """
        GET /a/b?c=d HTTP/1.1\r\nHost: Api.example.com:8000\r\nAccept:  */* \r\n\
        Content-Length: 5\r\nX-Custom:\r\n\r\n
        """

    @Test("is cut into its parts without changing a byte")
    func readsUsual() {
        let parsed = Parsed(request: Self.usual + "hello")

        #expect(parsed.outcome == .complete(consumed: Self.usual.utf8.count))
        let head = parsed.request
        #expect(head.method == .get)
        #expect(parsed.text(head.path) == "/a/b")
        #expect(parsed.text(head.query) == "?c=d")
        #expect(parsed.text(head.authority) == "Api.example.com:8000")
        #expect(parsed.text(head.host) == "Api.example.com")
        #expect(head.port == 8_000)
        #expect(head.framing == .length(5))
        #expect(head.keepAlive)
        #expect(
            parsed.lines == [
                "Host|Api.example.com:8000|host", "Accept|*/*|accept",
                "Content-Length|5|contentLength", "X-Custom||other",
            ]
        )
    }

    @Test("is incomplete when cut anywhere before its last byte")
    func truncation() {
        let whole = Array(Self.usual.utf8)
        for count in 0..<whole.count {
            let parsed = Parsed(requestBytes: Array(whole[..<count]))
            #expect(parsed.outcome == .incomplete, "cut after \(count) bytes")
        }
    }

    @Test("with any byte replaced is read, refused or awaited, and never traps")
    func everyByteFlipped() {
        let whole = Array(Self.usual.utf8)
        for index in whole.indices {
            for value in UInt8.min...UInt8.max {
                var bytes = whole
                bytes[index] = value
                let parsed = Parsed(requestBytes: bytes)
                guard case .complete(let consumed) = parsed.outcome else { continue }
                #expect(consumed <= bytes.count)
                #expect(parsed.request.fieldCount <= 4)
            }
        }
    }

    @Test("gives the same verdict however few bytes arrive at a time", arguments: UInt64(0)..<40)
    func splitEqualsWhole(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var bytes = Array(Self.usual.utf8)
        for _ in 0..<Int(generator.next() % 4) {
            bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(
                truncatingIfNeeded: generator.next()
            )
        }
        let whole = Parsed(requestBytes: bytes).outcome
        var first = HeadParse.incomplete
        for count in 0...bytes.count where first == .incomplete {
            first = Parsed(requestBytes: Array(bytes[..<count])).outcome
        }
        #expect(first == whole, "replay with seed \(seed)")
    }

    @Test("made of random bytes never traps", arguments: UInt64(0)..<200)
    func randomBytes(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let alphabet = Array("GET / HTTP/1.1\r\n:;, \tHost\0\u{7F}é#%".utf8)
        let bytes = (0..<300).map { _ in
            seed % 2 == 0
                ? UInt8(truncatingIfNeeded: generator.next())
                : alphabet[Int(generator.next() % UInt64(alphabet.count))]
        }

        let parsed = Parsed(requestBytes: bytes)

        #expect(!parsed.isComplete || parsed.request.fieldCount > 0)
    }

    @Test(
        "of a target form that RFC 9112 section 3.2 knows is taken apart",
        arguments: [
            ("GET http://a.example/x?y HTTP/1.1\r\nHost: b\r\n\r\n", "a.example", "/x", "?y"),
            ("GET HTTPS://a.example HTTP/1.1\r\nHost: b\r\n\r\n", "a.example", "", ""),
            ("GET http://a.example?q HTTP/1.1\r\nHost: b\r\n\r\n", "a.example", "", "?q"),
            ("OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n", "b", "*", ""),
            ("GET / HTTP/1.0\r\n\r\n", "", "/", ""),
            ("GET /?a?b HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n", "[2001:db8::1]", "/", "?a?b"),
            ("\r\nGET / HTTP/1.1\r\nHost: b:\r\n\r\n", "b", "/", ""),
        ]
    )
    func targetForms(text: String, host: String, path: String, query: String) {
        let parsed = Parsed(request: text)

        #expect(parsed.isComplete)
        #expect(parsed.text(parsed.request.host) == host)
        #expect(parsed.text(parsed.request.path) == path)
        #expect(parsed.text(parsed.request.query) == query)
    }

    @Test(
        "decides whether the connection stays open by RFC 9112 section 9.3",
        arguments: [
            ("1.1", "", true), ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: Keep-Alive, CLOSE\r\n", false), ("1.0", "", false),
            ("1.0", "Connection: keep-alive\r\n", true),
            ("1.0", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ]
    )
    func keepAlive(version: String, line: String, stays: Bool) {
        let parsed = Parsed(request: "GET / HTTP/\(version)\r\nHost: a\r\n\(line)\r\n")

        #expect(parsed.isComplete)
        #expect(parsed.request.keepAlive == stays)
    }

    @Test("of a later HTTP/1 is read as 1.1 (RFC 9110 section 6.2)", arguments: 2...9)
    func laterVersion(minor: Int) {
        let parsed = Parsed(
            request: "GET / HTTP/1.\(minor)\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        )

        #expect(parsed.isComplete)
        #expect(parsed.request.version == .http11)
        #expect(parsed.request.framing == .chunked)
        #expect(parsed.request.keepAlive)
    }

    @Test("offers WebSocket to the upstream and no other upgrade")
    func upgrade() {
        let start = "GET / HTTP/1.1\r\nHost: a\r\n"
        let nominated = start + "Connection: Upgrade\r\n"

        #expect(Parsed(request: nominated + "Upgrade: WebSocket\r\n\r\n").request.upgrade)
        #expect(!Parsed(request: nominated + "Upgrade: h2c\r\n\r\n").request.upgrade)
        #expect(!Parsed(request: start + "Upgrade: websocket\r\n\r\n").request.upgrade)
        let withBody = "Upgrade: websocket\r\nContent-Length: 1\r\n\r\n"
        #expect(!Parsed(request: nominated + withBody).request.upgrade)
    }

    @Test("expects 100-continue only with content and HTTP/1.1 (RFC 9110 section 10.1.1)")
    func expectation() {
        let fields = "Host: a\r\nExpect: 100-Continue\r\n"
        let length = "Content-Length: 3\r\n\r\n"

        #expect(Parsed(request: "PUT / HTTP/1.1\r\n\(fields)\(length)").request.expectsContinue)
        #expect(!Parsed(request: "PUT / HTTP/1.1\r\n\(fields)\r\n").request.expectsContinue)
        #expect(!Parsed(request: "PUT / HTTP/1.0\r\n\(fields)\(length)").request.expectsContinue)
    }

    @Test("marks fields that Connection nominates as dropped (RFC 9110 section 7.6.1)")
    func nomination() {
        let parsed = Parsed(
            request: """
                GET / HTTP/1.1\r\nHost: a\r\nX-Mine: 1\r\nx-mine: 2\r\nX-Min: 3\r\n\
                Connection: close, , X-MINE, X-Forwarded-For\r\nX-Forwarded-For: b\r\n\r\n
                """
        )

        #expect(
            parsed.lines.filter { $0.hasSuffix("|dropped") } == [
                "X-Mine|1|dropped", "x-mine|2|dropped",
            ]
        )
        #expect(parsed.request.kinds.has(.dropped))
    }

    @Test("drops spellings with an underscore of names the gateway answers for")
    func underscores() {
        let parsed = Parsed(
            request: """
                GET / HTTP/1.1\r\nHost: a\r\nContent_Length: 4\r\nX_Forwarded_For: b\r\n\
                X_Kong_Request_Id: c\r\nmy_own: d\r\n\r\n
                """
        )

        #expect(
            parsed.lines.dropFirst() == [
                "Content_Length|4|dropped", "X_Forwarded_For|b|dropped",
                "X_Kong_Request_Id|c|dropped", "my_own|d|other",
            ]
        )
        #expect(parsed.request.framing == .none)
    }

    @Test("recognises every known name in any case")
    func knownNames() {
        let names: [(String, HeaderKind)] = [
            ("HOST", .host), ("te", .te), ("Via", .via), ("date", .date), ("Proxy", .proxy),
            ("Expect", .expect), ("Server", .server), ("Accept", .accept), ("COOKIE", .cookie),
            ("Upgrade", .upgrade), ("Trailer", .trailer), ("X-Real-IP", .xRealIP),
            ("Connection", .connection), ("Keep-Alive", .keepAlive),
            ("Content-Type", .contentType), ("X-Forwarded-For", .xForwardedFor),
            ("Proxy-Connection", .proxyConnection), ("x-forwarded-host", .xForwardedHost),
            ("X-Forwarded-Port", .xForwardedPort), ("X-Forwarded-Path", .xForwardedPath),
            ("X-Forwarded-Proto", .xForwardedProto), ("X-Forwarded-Prefix", .xForwardedPrefix),
            ("Proxy-Authorization", .proxyAuthorization), ("X-Kong-Request-Id", .xKongRequestID),
            ("X-Kong-Proxy-Latency", .xKongLatency), ("X-Kong-Upstream-Latency", .xKongLatency),
            ("X-Kong-Response-Latency", .xKongLatency), ("X-Kong-Anything", .xKong),
            ("X-Forwarded-Foo", .other), ("Authorization", .other), ("a", .other),
            ("X-Kong", .other), ("Hosts", .other),
        ]
        for (name, kind) in names {
            let expectValue = name == "Expect" ? "100-continue" : "x"
            let host = kind == .host ? "" : "Host: a\r\n"
            let parsed = Parsed(
                request: "GET / HTTP/1.1\r\n\(host)\(name): \(expectValue)\r\n\r\n"
            )
            #expect(parsed.lines.last == "\(name)|\(expectValue)|\(kind)")
        }
    }

    @Test(
        "accepts trailers when TE lists them (RFC 9110 section 10.1.4)",
        arguments: [
            ("trailers", true), ("Trailers", true), ("trailers, gzip", true),
            ("gzip;q=0.5 , trailers", true), ("trailers;q=0.5", true), ("deflate,,trailers,", true),
            ("gzip", false), ("", false), ("trailers;q=0", false), ("trailer", false),
            ("x-trailers", false), ("gzip;trailers", false),
        ]
    )
    func trailers(value: String, accepts: Bool) {
        let parsed = Parsed(request: "GET / HTTP/1.1\r\nHost: a\r\nTE: \(value)\r\n\r\n")

        #expect(parsed.request.acceptsTrailers == accepts)
    }

    @Test("finds values by name for the router")
    func anyValue() {
        let parsed = Parsed(request: "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\n\r\n")
        let found = { (name: String, wanted: String) in
            parsed.bytes.withUnsafeBytes { bytes in
                withBytes(name) { name in
                    parsed.fields.anyValue(
                        named: name,
                        count: parsed.request.fieldCount,
                        of: bytes
                    ) { String(decoding: $0, as: UTF8.self) == wanted }
                }
            }
        }

        #expect(found("x-a", "2"))
        #expect(!found("x-a", "3"))
        #expect(!found("x-b", "1"))
    }
}
