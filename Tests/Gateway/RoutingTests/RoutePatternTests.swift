import Testing

@testable import MeshRouting

@Suite("A route's regex")
struct RoutePatternTests {
    @Test("is refused with PCRE2's words")
    func explainsErrors() {
        #expect(RoutePattern.check(regex: "/a(b") == "missing closing parenthesis at offset 4")
        #expect(RoutePattern.check(regex: "/(?<id>\\d+)/x$") == nil)
        #expect(RoutePattern.check(regex: "/(?P<id>\\d+)") == nil)
        #expect(RoutePattern.check(regex: "/\\C") != nil)
        #expect(RoutePattern.check(regex: "(*UTF)/a") != nil)
    }

    @Test(
        "is indexed by what every match begins with",
        arguments: [
            "/api/v1/(\\d+)$": "/api/v1/", "/a\\.b/x?": "/a.b/", "/ab*": "/a", "/ab+c": "/ab",
            "/ab{0}": "/a", "/a|/b": "", "/a(b|c)": "/a", "/a[b|c]d": "", "/\\Qa|b": "",
            "/a(?#()|/b": "", "/x\\d": "/x", "/x.y": "/x", "^/a": "", "(?i)/a": "", "/a$": "/a",
            "/a\\|b": "/a|b", "/a(?:b|c)|/d": "", "/a(?<n>b|c)": "/a",
        ]
    )
    func findsLiteralPrefix(regex: String, prefix: String) {
        #expect(String(decoding: RoutePattern.literalPrefix(of: regex), as: UTF8.self) == prefix)
    }
}

@Suite("A host of a route")
struct NamePatternTests {
    @Test("is whole or wild at one end, with or without port")
    func reads() {
        let whole = NamePattern("Example.com:8443")
        let suffix = NamePattern("*.example.com")
        let prefix = NamePattern("example.*:80")

        #expect(whole.kind == .exact && whole.text == Array("example.com".utf8))
        #expect(whole.port == 8443)
        #expect(suffix.kind == .suffix && suffix.text == Array(".example.com".utf8))
        #expect(suffix.port == nil)
        #expect(prefix.kind == .prefix && prefix.text == Array("example.".utf8))
        #expect(prefix.port == 80)
    }

    @Test("may be an IPv6 address")
    func readsAddresses() {
        #expect(NamePattern("[::1]:80").text == Array("[::1]".utf8))
        #expect(NamePattern("[::1]:80").port == 80)
        #expect(NamePattern("::1").text == Array("::1".utf8))
        #expect(NamePattern("::1").port == nil)
    }
}
