import MeshHTTP
import Testing

@Suite("The gateway's own lines")
struct ResponseTokensTests {
    private static let settings: [([String], ResponseTokens)] = [
        (["server_tokens", "latency_tokens", "X-Kong-Request-Id"], .standard),
        (["off"], []), ([], []), (["server_tokens"], [.server, .via]), (["Server"], .server),
        (["via", "X-KONG-UPSTREAM-STATUS"], [.via, .upstreamStatus]),
        (["X-Kong-Proxy-Latency"], .proxyLatency),
        (["X-Kong-Upstream-Latency"], .upstreamLatency),
        (["X-Kong-Response-Latency", "X-Kong-Admin-Latency"], .responseLatency),
    ]

    @Test("are chosen by Kong's names in any case", arguments: Self.settings)
    func names(names: [String], tokens: ResponseTokens) throws {
        #expect(try ResponseTokens(names: names) == tokens)
    }

    @Test("are not chosen by other names, nor off beside others", arguments: ["X-Kong", "", "off"])
    func unknown(name: String) {
        let error = #expect(throws: UnknownResponseToken.self) {
            try ResponseTokens(names: ["via", name])
        }
        #expect(error?.name == name)
    }

    @Test("tell route and service to clients that ask (Kong-Debug)")
    func debug() {
        let asks = { (value: String) in
            let parsed = Parsed(request: "GET / HTTP/1.1\r\nHost: a\r\n\(value)\r\n")
            return parsed.bytes.withUnsafeBytes {
                DebugFields.areAsked(by: parsed.request, parsed.fields, from: $0)
            }
        }

        #expect(asks("kong-debug: 1\r\n"))
        #expect(!asks("Kong-Debug: 0\r\n"))
        #expect(!asks(""))
    }
}
