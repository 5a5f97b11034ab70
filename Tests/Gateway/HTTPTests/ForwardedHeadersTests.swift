import MeshHTTP
import Testing

@Suite("Forwarded fields")
struct ForwardedHeadersTests {
    private func forwarded(
        _ text: String,
        trusted: Bool = false,
        prefix: String = "",
        additional: StaticString = "",
        _ adjust: (inout ForwardedHeaders.Hop) -> Void = { _ in }
    ) -> [Substring] {
        let parsed = Parsed(request: text)
        #expect(parsed.isComplete)
        let output = parsed.bytes.withUnsafeBytes { bytes in
            withBytes("192.0.2.7") { peer in
                withBytes("up:80") { host in
                    withBytes("0123") { identity in
                        withBytes("meshgate/1") { product in
                            withBytes(prefix) { prefix in
                                var hop = ForwardedHeaders.Hop(
                                    peer: peer,
                                    port: 8_000,
                                    upstreamHost: host,
                                    requestID: identity,
                                    product: product
                                )
                                hop.peerIsTrusted = trusted
                                hop.strippedPrefix = prefix
                                hop.additionalFields = UnsafeRawBufferPointer(
                                    start: additional.utf8Start,
                                    count: additional.utf8CodeUnitCount
                                )
                                adjust(&hop)
                                return written { writer in
                                    ForwardedHeaders.writeRequestFields(
                                        parsed.request,
                                        parsed.fields,
                                        from: bytes,
                                        hop: hop,
                                        into: &writer
                                    )
                                }
                            }
                        }
                    }
                }
            }
        }
        return (output ?? "overflow").split(separator: "\r\n", omittingEmptySubsequences: true)
    }

    @Test("of a request replace everything that speaks of this hop")
    func request() {
        let lines = self.forwarded(
            """
            POST /a?b HTTP/1.1\r\nHost: Api:1\r\nX-A: 1\r\nConnection: close, X-B\r\nX-B: 2\r\n\
            TE: trailers\r\nKeep-Alive: 5\r\nProxy-Connection: a\r\nProxy-Authorization: b\r\n\
            Proxy: c\r\nUpgrade: h2c\r\nTrailer: d\r\nExpect: 100-continue\r\n\
            X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\nX-Forwarded-Proto: https\r\n\
            X-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Path: /x\r\n\
            X-Forwarded-Prefix: /y\r\nX-Real-IP: 10.0.0.9\r\nVia: 1.0 front\r\n\
            X-Kong-Request-Id: mine\r\nX-Kong-Other: z\r\nTransfer-Encoding: chunked\r\n\
            Authorization: keep\r\n\r\n
            """
        )

        #expect(
            lines == [
                "Host: up:80", "X-A: 1", "Authorization: keep",
                "Connection: keep-alive, TE", "TE: trailers", "Transfer-Encoding: chunked",
                "X-Forwarded-For: 10.0.0.1, 10.0.0.2, 192.0.2.7", "X-Real-IP: 192.0.2.7",
                "X-Forwarded-Proto: http", "X-Forwarded-Host: api", "X-Forwarded-Port: 8000",
                "X-Forwarded-Path: /a", "Via: 1.0 front, 1.1 meshgate/1",
                "X-Kong-Request-Id: 0123",
            ]
        )
    }

    @Test("from a trusted peer keep what it said about the client")
    func trusted() {
        let lines = self.forwarded(
            """
            GET http://h HTTP/1.1\r\nHost: b\r\nX-Forwarded-Proto: https\r\n\
            X-Forwarded-Host: h2\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Path: /x\r\n\
            X-Forwarded-Prefix: /y\r\nX-Real-IP: 10.0.0.9\r\n\r\n
            """,
            trusted: true
        )

        #expect(
            lines == [
                "Host: up:80", "Connection: keep-alive", "X-Forwarded-For: 192.0.2.7",
                "X-Real-IP: 192.0.2.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: h2",
                "X-Forwarded-Port: 443", "X-Forwarded-Path: /x", "X-Forwarded-Prefix: /y",
                "Via: 1.1 meshgate/1", "X-Kong-Request-Id: 0123",
            ]
        )
    }

    @Test("name a stripped prefix unless it is the root alone")
    func prefix() {
        let text = "GET http://h HTTP/1.1\r\nHost: b\r\nContent-Length: 12\r\n\r\n"

        #expect(self.forwarded(text, prefix: "/v1").contains("X-Forwarded-Prefix: /v1"))
        #expect(self.forwarded(text, prefix: "/").filter { $0.contains("Prefix") } == [])
        #expect(self.forwarded(text).contains("X-Forwarded-Path: /"))
        #expect(self.forwarded(text).contains("Content-Length: 12"))
    }

    @Test("escape what a decoded path may hold, line ends included")
    func escapedPaths() {
        let lines = self.forwarded(
            "GET /k\u{F8}/{a}%0a HTTP/1.1\r\nHost: b\r\n\r\n",
            prefix: "/ \r\né"
        )

        #expect(lines.contains("X-Forwarded-Path: /k%C3%B8/{a}%0a"))
        #expect(lines.contains("X-Forwarded-Prefix: /%20%0D%0A%C3%A9"))
    }

    @Test(
        "keep a length of 0 that the client declared (RFC 9110 section 8.6)",
        arguments: ["POST", "PUT", "PATCH", "DELETE", "GET", "PURGE"]
    )
    func emptyContent(method: String) {
        let start = "\(method) / HTTP/1.1\r\nHost: b\r\n"

        #expect(self.forwarded(start + "Content-Length: 0\r\n\r\n").contains("Content-Length: 0"))
        #expect(self.forwarded(start + "\r\n").filter { $0.contains("Content-Length") } == [])
    }

    @Test("say the version a message came in (RFC 9110 section 7.6.3)")
    func receivedVersion() {
        let text = "GET / HTTP/1.0\r\nHost: b\r\n\r\n"

        #expect(self.forwarded(text).contains("Via: 1.0 meshgate/1"))
        #expect(self.forwarded(text) { $0.receivedVersion = .http2 }.contains("Via: 2 meshgate/1"))
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        #expect(self.returned(answer) { $0.receivedVersion = .http2 }.contains("Via: 2 meshgate/1"))
    }

    @Test("tell the client behind trusted proxies from the peer")
    func client() {
        let start = "GET / HTTP/1.1\r\nHost: b\r\nX-Real-IP: 10.9.9.9\r\n"
        withBytes("203.0.113.4") { client in
            let direct = self.forwarded(start + "\r\n") { $0.client = client }
            let chain = self.forwarded(start + "X-Forwarded-For: 1.2.3.4\r\n\r\n") {
                $0.client = client
            }

            #expect(direct.contains("X-Forwarded-For: 203.0.113.4"))
            #expect(direct.contains("X-Real-IP: 203.0.113.4"))
            #expect(chain.contains("X-Forwarded-For: 1.2.3.4, 192.0.2.7"))
            #expect(chain.contains("X-Real-IP: 203.0.113.4"))
        }
    }

    @Test("of a 426 keep what the server asks to speak (RFC 9110 section 15.5.22)")
    func upgradeRequired() {
        let fields = "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n"
        let kept = self.returned("HTTP/1.1 426 Upgrade Required\r\n" + fields)
        let closed = self.returned("HTTP/1.1 426 Upgrade Required\r\n" + fields, keeps: false)
        let old = self.returned("HTTP/1.1 426 Upgrade Required\r\n" + fields, version: .http10)

        #expect(kept.contains("Connection: Upgrade"))
        #expect(kept.contains("Upgrade: websocket"))
        #expect(closed.contains("Connection: close, Upgrade"))
        #expect(!old.contains("Upgrade: websocket"))
        #expect(!self.returned("HTTP/1.1 200 OK\r\n" + fields).contains("Upgrade: websocket"))
    }

    @Test("of a response say of the gateway only what the operator lets it say")
    func tokens() {
        let text = "HTTP/1.1 204 No Content\r\nVia: 1.1 back\r\nX-Kong-Upstream-Status: 7\r\n\r\n"

        let none = self.returned(text) { $0.tokens = [] }
        let some = self.returned(text) { $0.tokens = [.upstreamStatus, .requestID] }

        #expect(none == ["HTTP/1.1 204 No Content", "Connection: keep-alive", "Via: 1.1 back"])
        #expect(some.suffix(2) == ["X-Kong-Upstream-Status: 204", "X-Kong-Request-Id: 0123"])
    }

    @Test("gain the date that the server left out, and keep one it set (RFC 9110 section 6.6.1)")
    func date() {
        withBytes("Sun, 06 Nov 1994 08:49:37 GMT") { date in
            let without = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            let with = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: theirs\r\n\r\n"
            let dates = { (text: String) in
                self.returned(text) { $0.date = date }.filter { $0.hasPrefix("Date") }
            }

            #expect(dates(without) == ["Date: Sun, 06 Nov 1994 08:49:37 GMT"])
            #expect(dates(with) == ["Date: theirs"])
            let nominated = with.replacing("\r\n\r\n", with: "\r\nConnection: date\r\n\r\n")
            #expect(dates(nominated) == dates(without), "a dropped one is none")
            #expect(self.returned(without).filter { $0.hasPrefix("Date") } == [])
        }
    }

    @Test("end with those that plugins add")
    func additional() {
        let text = "GET / HTTP/1.1\r\nHost: b\r\n\r\n"

        #expect(self.forwarded(text, additional: "X-Trace: 1\r\n").last == "X-Trace: 1")
    }

    @Test("of a WebSocket handshake nominate the upgrade")
    func upgrade() {
        let lines = self.forwarded(
            "GET / HTTP/1.1\r\nHost: b\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        )

        #expect(lines.contains("Connection: keep-alive, Upgrade"))
        #expect(lines.contains("Upgrade: websocket"))
    }

    private func returned(
        _ text: String,
        version: HTTPVersion = .http11,
        head: Bool = false,
        keeps: Bool = true,
        _ adjust: (inout ForwardedHeaders.ReturnHop) -> Void = { _ in }
    ) -> [Substring] {
        let parsed = Parsed(response: text, head: head)
        #expect(parsed.isComplete)
        let output = parsed.bytes.withUnsafeBytes { bytes in
            withBytes("0123") { identity in
                withBytes("meshgate/1") { product in
                    var hop = ForwardedHeaders.ReturnHop(
                        clientVersion: version,
                        keepsClient: keeps,
                        upstreamMilliseconds: 12,
                        proxyMilliseconds: 3,
                        requestID: identity,
                        product: product
                    )
                    adjust(&hop)
                    return written { writer in
                        ForwardedHeaders.writeResponse(
                            parsed.response,
                            parsed.fields,
                            from: bytes,
                            hop: hop,
                            into: &writer
                        )
                    }
                }
            }
        }
        return (output ?? "overflow").split(separator: "\r\n", omittingEmptySubsequences: true)
    }

    @Test("of a response keep the server's own and add the gateway's")
    func response() {
        let lines = self.returned(
            """
            HTTP/1.0 404 Nope\r\nServer: up\r\nDate: now\r\nVia: 1.1 back\r\nKeep-Alive: 3\r\n\
            Content-Length: 3\r\nConnection: keep-alive, X-B\r\nX-B: 2\r\n\
            X-Kong-Proxy-Latency: 9\r\nX-Kong-Request-Id: theirs\r\nSet-Cookie: a\r\n\r\n
            """
        )

        #expect(
            lines == [
                "HTTP/1.1 404 Nope", "Server: up", "Date: now", "Set-Cookie: a",
                "Content-Length: 3", "Connection: keep-alive", "Via: 1.1 back, 1.0 meshgate/1",
                "X-Kong-Upstream-Latency: 12", "X-Kong-Proxy-Latency: 3",
                "X-Kong-Request-Id: 0123",
            ]
        )
    }

    @Test("frame content for the version the client speaks")
    func framing() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        let endless = "HTTP/1.1 200 OK\r\n\r\n"

        #expect(self.returned(chunked).contains("Transfer-Encoding: chunked"))
        #expect(self.returned(endless).contains("Transfer-Encoding: chunked"))
        let old = self.returned(chunked, version: .http10)
        #expect(old.contains("Connection: close"))
        #expect(old.filter { $0.contains("Transfer") } == [])
        #expect(self.returned(endless, keeps: false).contains("Connection: close"))
    }

    @Test("repeat the length for HEAD and 304, never for 204 (RFC 9110 section 8.6)")
    func lengths() {
        let fields = "Content-Length: 7\r\n\r\n"

        #expect(
            self.returned("HTTP/1.1 200 OK\r\n" + fields, head: true).contains("Content-Length: 7")
        )
        #expect(self.returned("HTTP/1.1 304 \r\n" + fields).contains("Content-Length: 7"))
        #expect(self.returned("HTTP/1.1 204 \r\n" + fields).filter { $0.contains("Len") } == [])
        #expect(
            self.returned("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n").contains(
                "Content-Length: 0"
            )
        )
    }

    @Test(
        "follow a status line that is always complete",
        arguments: ["", " ", " OK", " a  b\u{e9}"]
    )
    func statusLine(rest: String) {
        for version in ["1.0", "1.1"] {
            let head = "HTTP/\(version) 207\(rest)\r\nContent-Length: 0\r\n\r\n"
            let lines = self.returned(head)

            #expect(lines.first == "HTTP/1.1 207 \(rest.dropFirst())")
        }
    }

    @Test(
        "announce trailers where they are passed on, without those that never are (RFC 9110 6.6.2)"
    )
    func announcement() {
        let fields =
            "Trailer: X-Sum, Host,,\r\nTrailer: Digest\r\nTransfer-Encoding: chunked\r\n\r\n"
        let response = "HTTP/1.1 200 OK\r\n" + fields
        let request = "POST / HTTP/1.1\r\nHost: b\r\n" + fields
        let only = "HTTP/1.1 200 OK\r\nTrailer: Host\r\nTransfer-Encoding: chunked\r\n\r\n"

        #expect(
            self.returned(response) { $0.passesTrailers = true }.contains("Trailer: X-Sum, Digest")
        )
        #expect(
            self.forwarded(request) { $0.passesTrailers = true }.contains("Trailer: X-Sum, Digest")
        )
        #expect(self.returned(response).filter { $0.hasPrefix("Trailer") } == [])
        #expect(self.forwarded(request).filter { $0.hasPrefix("Trailer") } == [])
        #expect(
            self.returned(only) { $0.passesTrailers = true }.filter { $0.hasPrefix("Trailer") }
                == []
        )
    }

    @Test("of an accepted upgrade nominate it")
    func switching() {
        let lines = self.returned(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        )

        #expect(lines.contains("Connection: Upgrade"))
        #expect(lines.contains("Upgrade: websocket"))
    }

    @Test("of an interim response are passed without the gateway's own")
    func interim() {
        let parsed = Parsed(
            response: "HTTP/1.1 103 Early Hints\r\nLink: a\r\nConnection: close\r\n\r\n"
        )
        let output = parsed.bytes.withUnsafeBytes { bytes in
            written {
                ForwardedHeaders.writeInterim(
                    parsed.response,
                    parsed.fields,
                    from: bytes,
                    into: &$0
                )
            }
        }

        #expect(output == "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n")
    }
}
