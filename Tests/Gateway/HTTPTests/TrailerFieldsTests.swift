import MeshHTTP
import Testing

@Suite("Trailer fields")
struct TrailerFieldsTests {
    private func passed(_ collected: String) -> String? {
        withBytes(collected) { bytes in
            written { TrailerFields.write(from: bytes, into: &$0) }
        }
    }

    @Test("that describe the content or its making pass (RFC 9110 section 6.5.1)")
    func pass() {
        let lines = """
            grpc-status: 0\r\nGrpc-Message: \r\nX-Sum: 1\r\nETag: "a"\r\nServer-Timing: a\r\n\
            Content-Digest: b\r\nDigest: c\r\n
            """

        #expect(self.passed(lines) == lines)
        #expect(self.passed("A:\t b \r\n") == "A: b\r\n", "white space around values is ours")
    }

    @Test(
        "that frame, route, authenticate or modify never pass (RFC 9110 section 6.5.1)",
        arguments: [
            "Transfer-Encoding", "Content-Length", "Trailer", "TE", "Connection", "Keep-Alive",
            "Upgrade", "Host", "HOST", "Authorization", "Proxy-Authorization", "Cookie",
            "Set-Cookie", "WWW-Authenticate", "Proxy-Authenticate", "Content-Encoding",
            "Content-Type", "Content-Range", "Range", "If-Match", "If-Modified-Since", "Expect",
            "Max-Forwards", "Pragma", "Cache-Control", "Age", "Expires", "Date", "Location",
            "Retry-After", "Vary", "Warning", "Via", "Forwarded", "X-Forwarded-For",
            "X-Forwarded-Anything", "X-Real-IP", "X-Kong-Request-Id", "X-Consumer-Username",
            "X-Credential-Identifier", "X-Anonymous-Consumer", "Access-Control-Allow-Origin",
            "Content_Length", "set_cookie", "Proxy-Connection", "Proxy", "Sec-WebSocket-Key",
        ]
    )
    func refuse(name: String) {
        #expect(self.passed("A: 1\r\n\(name): 5\r\nB: 2\r\n") == "A: 1\r\nB: 2\r\n")
    }

    @Test(
        "that are no whole lines are left out",
        arguments: ["", "A", "A: 1", "A: 1\r", "A: 1\n", "\r\n", ": 1\r\n", "A B: 1\r\n", "A\r\n"]
    )
    func fragments(text: String) {
        #expect(self.passed(text) == "")
    }

    @Test("go to clients that asked in chunks or frames (RFC 9110 section 10.1.4)")
    func clients() {
        let takes = { (version: HTTPVersion, framing: MessageFraming, asks: Bool, grpc: Bool) in
            TrailerHop.client(
                version: version,
                framing: framing,
                acceptsTrailers: asks,
                isGRPC: grpc
            ).takesTrailers
        }

        #expect(takes(.http11, .chunked, true, false))
        #expect(!takes(.http11, .chunked, false, false))
        #expect(!takes(.http11, .length(3), true, false))
        #expect(!takes(.http10, .untilClose, true, true))
        #expect(takes(.http2, .none, true, false))
        #expect(takes(.http2, .none, false, true))
        #expect(!takes(.http2, .none, false, false))
    }

    @Test(
        "go to targets when the client spoke of trailers",
        arguments: [
            ("Trailer: X-Sum\r\n", true), ("TE: trailers\r\n", true), ("", false),
            ("TE: gzip\r\n", false),
        ]
    )
    func targets(line: String, takes: Bool) {
        let parsed = Parsed(request: "POST / HTTP/1.1\r\nHost: a\r\n\(line)\r\n")

        let hop = { (framing: MessageFraming, grpc: Bool) in
            TrailerHop.target(
                version: .http11,
                framing: framing,
                request: parsed.request,
                isGRPC: grpc
            ).takesTrailers
        }

        #expect(hop(.chunked, false) == takes)
        #expect(hop(.chunked, true))
        #expect(!hop(.length(1), true))
    }
}
