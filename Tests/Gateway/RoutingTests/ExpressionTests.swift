import MeshEntities
import MeshPrimitives
import MeshRouting
import Testing

/// A route of the flavour `expressions`.
func expressionRoute(
    _ number: Int,
    _ expression: String,
    priority: Int = 0,
    protocols: [GatewayProtocol] = [.http, .https]
) -> Route {
    var route = Route(id: routeID(number))
    route.expression = expression
    route.priority = priority
    route.protocols = protocols
    return route
}

@Suite("A route's expression")
struct ExpressionTests {
    /// Whether a table with this one route leads a probe to it.
    private func holds(_ expression: String, _ probe: RoutingProbe) throws -> Bool {
        let route = expressionRoute(1, expression)
        let table = try RoutingTable(compiling: [route], services: [], flavor: .expressions)
        return probe.match(table) != nil
    }

    private static let probe = RoutingProbe(
        method: "POST",
        host: "api.example.com",
        path: "/a/b/C",
        port: 8443,
        serverName: "api.example.com",
        headers: [("x-foo", "Bar"), ("x-foo", "baz"), ("x_raw", "1")],
        query: "q=1&q=2&flag&sp=a+b%2fc&=x",
        source: Endpoint("10.1.2.3:4567"),
        destination: Endpoint("[fd00::1]:8443")
    )

    @Test(
        "compares every field by every operator that fits it",
        arguments: [
            (#"http.method == "POST""#, true), (#"http.method != "POST""#, false),
            (#"http.host =^ ".example.com""#, true), (#"http.host ^= "api.""#, true),
            (#"http.host contains "exam""#, true), (#"http.host contains "exbm""#, false),
            (#"http.path == "/a/b/C""#, true), (#"http.path == "/a/b""#, false),
            (#"lower(http.path) == "/a/b/c""#, true), (#"lower(http.path) ~ "c$""#, true),
            (##"http.path ~ r#"/[a-z]/\w$"#"##, true),
            (##"http.path ~ r#"^/b"#"##, false),
            (#"net.protocol == "https""#, true), (#"tls.sni =^ "example.com""#, true),
            ("net.dst.port == 8443", true), ("net.port > 8000", true),
            ("net.dst.port < 8443", false), ("net.dst.port <= 0x20fb", true),
            ("net.dst.port >= 020373", true), ("net.dst.port != -1", true),
            ("net.src.ip == 10.1.2.3", true), ("net.src.ip != 10.1.2.3", false),
            ("net.src.ip in 10.0.0.0/8", true), ("net.src.ip not in 10.0.0.0/8", false),
            ("net.src.ip not in 11.0.0.0/8", true), ("net.src.ip in fd00::/8", false),
            ("net.src.ip not in fd00::/8", false), ("net.src.port == 4567", true),
            ("net.dst.ip in fd00::/8", true), ("net.dst.ip == fd00::1", true),
        ]
    )
    func operators(expression: String, expected: Bool) throws {
        #expect(try self.holds(expression, Self.probe) == expected)
    }

    @Test(
        "counts and joins the segments of the path",
        arguments: [
            ("http.path.segments.len == 3", "/a/b/C", true),
            ("http.path.segments.len == 3", "/a/b/C/", true),
            ("http.path.segments.len == 0", "/", true),
            (#"http.path.segments.0 == "a""#, "/a/b/C", true),
            (#"http.path.segments.2 == "C""#, "/a/b/C/", true),
            (#"http.path.segments.0_1 == "a/b""#, "/a/b/C", true),
            (#"http.path.segments.1_2 == "b/C""#, "/a/b/C", true),
            (#"http.path.segments.3 != "x""#, "/a/b/C", false),
            (#"http.path.segments.1_3 != "x""#, "/a/b/C", false),
        ]
    )
    func segments(expression: String, path: String, expected: Bool) throws {
        #expect(try self.holds(expression, RoutingProbe(path: path)) == expected)
    }

    @Test(
        "asks all values of a header or argument, or any with any()",
        arguments: [
            (#"http.headers.x_foo ^= "B""#, false), (#"any(http.headers.x_foo) ^= "B""#, true),
            (#"lower(http.headers.x_foo) ^= "ba""#, true),
            (#"any(lower(http.headers.x_foo)) == "bar""#, true),
            (#"lower(any(http.headers.x_foo)) == "bar""#, true),
            (#"http.headers.x_foo != "none""#, true), (#"http.headers.x_raw == "1""#, true),
            (#"http.headers.absent != "x""#, false), (#"any(http.headers.absent) != "x""#, false),
            (#"http.queries.q ~ "^[12]$""#, true), (#"http.queries.q == "1""#, false),
            (#"any(http.queries.q) == "2""#, true), (#"http.queries.flag == """#, true),
            (#"http.queries.sp == "a b/c""#, true), (#"http.queries.none == """#, false),
        ]
    )
    func manyValues(expression: String, expected: Bool) throws {
        #expect(try self.holds(expression, Self.probe) == expected)
    }

    @Test(
        "reads text with escapes and raw text",
        arguments: [
            (#"http.headers.x == "\"\\\n\r\t""#, "\"\\\n\r\t"),
            (##"http.headers.x == r#"\n"q"#"##, #"\n"q"#), (#"http.headers.x == "é""#, "é"),
        ]
    )
    func texts(expression: String, value: String) throws {
        #expect(try self.holds(expression, RoutingProbe(headers: [("x", value)])))
        #expect(try !self.holds(expression, RoutingProbe(headers: [("x", "other")])))
    }

    @Test("lets || bind tighter than &&, and ! take parentheses")
    func precedence() throws {
        let no = #"http.method == "X""#
        let yes = #"http.method == "GET""#
        let probe = RoutingProbe()
        #expect(try !self.holds("\(yes) || \(no) && \(no)", probe))
        #expect(try self.holds("\(yes) || (\(no) && \(no))", probe))
        #expect(try self.holds("\(yes) && \(no) || \(yes)", probe))
        #expect(try self.holds("!(\(no)) && !(\(no) || !(\(yes)))", probe))
    }

    @Test(
        "is refused with Kong's text for types and a place for grammar",
        arguments: [
            (#"http.foo == "x""#, "Unknown LHS field: http.foo"),
            (#"http.path == 1"#, "Type mismatch between the LHS and RHS values of predicate"),
            (
                "net.src.ip == 10.0.0.0/8",
                "Type mismatch between the LHS and RHS values of predicate"
            ),
            (#"net.dst.port ^= "8""#, "Type mismatch between the LHS and RHS values of predicate"),
            (#"net.dst.port ~ "8""#, "Regex operators only supports string operands"),
            ("net.dst.port ^= 8", "Regex/Prefix/Postfix operators only supports string operands"),
            ("net.dst.port contains 8", "Contains operator only supports string operands"),
            (
                #"http.path > "a""#,
                "Greater/GreaterOrEqual/Lesser/LesserOrEqual operators only supports integer operands"
            ),
            (#"http.path in "abc""#, "In/NotIn operators only supports IP in CIDR"),
            ("net.src.ip in 10.0.0.1", "In/NotIn operators only supports IP in CIDR"),
            (
                "lower(net.dst.port) == 1",
                "lower-case transformation function only supported with String type fields"
            ),
            (#"http.path.segments.01 == "x""#, "illformed http.path.segments.* field"),
            (#"http.path.segments.2_1 == "x""#, "illformed http.path.segments.* field"),
            ("net.src.ip in 10.0.0.1/8", "1:15: host part of address was not zero"),
            ("net.dst.port == 9223372036854775808", "1:17: number too large to fit in target type"),
            ("http.path ~ 5", "1:13: regex operator can only be used with String operands"),
            (#"upper(http.path) == "x""#, "1:1: unknown transformation function: upper"),
            (#"! http.path == "x""#, "1:1: expected term"), ("", "1:1: expected term"),
            (#"http.path = "x""#, "1:11: expected binary_operator"),
            ("http.path == \"x\"\n&& (http.path == \"y\"", "2:21: expected ), && or ||"),
            (#"http.path == "x" http"#, "1:18: expected EOI, && or ||"),
            (#"http.path == "\q""#, "1:15: expected str_esc or str_char"),
        ]
    )
    func refused(expression: String, message: String) {
        let route = expressionRoute(1, expression)
        #expect(RoutePattern.check(expression: expression, of: route) == message)
    }

    @Test("is refused when its pattern is no regex, or it is nested or long beyond reason")
    func bounded() throws {
        let route = expressionRoute(1, "")
        let broken = RoutePattern.check(expression: #"http.path ~ "(""#, of: route)
        #expect(broken?.hasPrefix("regex parse error: ") == true)
        let nested =
            String(repeating: "(", count: 5_000) + #"http.path == "x""#
            + String(repeating: ")", count: 5_000)
        #expect(
            RoutePattern.check(expression: nested, of: route)?.contains("nested deeper") == true
        )
        let long = #"http.path == ""# + String(repeating: "x", count: 70_000) + "\""
        #expect(RoutePattern.check(expression: long, of: route)?.contains("longer than") == true)
        let wide = Array(repeating: #"http.path == "/x""#, count: 3_000).joined(separator: " || ")
        #expect(RoutePattern.check(expression: wide, of: route) == nil)
    }
}

@Suite("A routing table of the flavour expressions")
struct ExpressionTableTests {
    private func table(_ routes: [Route]) throws -> RoutingTable {
        try RoutingTable(compiling: EntityList(routes), services: [], flavor: .expressions)
    }

    @Test("prefers the higher priority, then the greater id, and any expression to fields")
    func orders() throws {
        let fields = Route(id: routeID(9), hosts: ["example.com"], paths: ["/a/b"])
        let table = try self.table([
            expressionRoute(1, #"http.path ^= "/a""#),
            expressionRoute(2, #"http.path ^= "/a""#),
            expressionRoute(3, #"http.path ^= "/a" && http.method == "PUT""#, priority: 7),
            fields,
        ])
        #expect(RoutingProbe(path: "/a/b").match(table)?.routeIndex == 1)
        #expect(RoutingProbe(method: "PUT", path: "/a/b").match(table)?.routeIndex == 2)
        let alone = try self.table([expressionRoute(1, #"http.path ^= "/x""#), fields])
        #expect(RoutingProbe(path: "/a/b/c").match(alone)?.routeIndex == 1)
    }

    @Test("tells how much of the path matched, to be stripped")
    func matchedLength() throws {
        let length = { (expression: String, path: String) in
            RoutingProbe(path: path).match(try self.table([expressionRoute(1, expression)]))?
                .prefixLength
        }
        #expect(try length(#"http.path ^= "/ab""#, "/abc") == 3)
        #expect(try length(#"http.path == "/abc""#, "/abc") == 4)
        #expect(try length(##"http.path ~ r#"^/a\d+"#"##, "/a123/x") == 5)
        #expect(try length(#"http.method == "GET""#, "/abc") == 0)
        #expect(try length(#"http.path ^= "/x" || http.path ^= "/a""#, "/abc") == 2)
    }

    @Test("adds the route's protocols, but lets a client in the clear find a route for TLS")
    func protocols() throws {
        let plain = RoutingProbe()
        let encrypted = RoutingProbe(serverName: "")
        let any = #"http.path ^= "/""#
        let http = try self.table([expressionRoute(1, any, protocols: [.http])])
        let https = try self.table([expressionRoute(1, any, protocols: [.https])])
        let grpcs = try self.table([expressionRoute(1, any, protocols: [.grpcs])])
        #expect(plain.match(http) != nil && encrypted.match(http) == nil)
        #expect(plain.match(https) != nil && encrypted.match(https) != nil)
        #expect(plain.match(grpcs) == nil && encrypted.match(grpcs) != nil)
    }

    @Test("refuses an expression where the flavour has none, and says which it needs")
    func otherFlavors() {
        for flavor in [RouterFlavor.traditionalCompatible, .traditional] {
            let error = #expect(throws: RoutingError.self) {
                try RoutingTable(
                    compiling: [expressionRoute(1, #"http.path == "/""#)],
                    services: [],
                    flavor: flavor
                )
            }
            #expect(error.map(String.init(describing:))?.contains("flavor 'expressions'") == true)
        }
    }

    @Test("finds each of 10,000 expressions by host and path, and asks few of them")
    func scales() throws {
        let routes = (0..<10_000).map { number in
            expressionRoute(
                number + 1,
                #"http.host == "h\#(number % 100).com" && (http.path ^= "/s\#(number)/" || "#
                    + #"http.path == "/t\#(number)") && http.headers.x == "1""#
            )
        }
        let table = try self.table(routes)
        for number in [0, 1, 4_999, 9_999] {
            var asked = 0
            let method = Array("GET".utf8)
            let host = Array("h\(number % 100).com".utf8)
            let path = Array("/s\(number)/x".utf8)
            let match = method.withUnsafeBytes { method in
                host.withUnsafeBytes { host in
                    path.withUnsafeBytes { path in
                        table.match(
                            RouteQuery(method: method, host: host, path: path, port: 80),
                            scratch: RoutingScratch()
                        ) { _, test in
                            asked += 1
                            return withBytes("1", test)
                        }
                    }
                }
            }
            #expect(match?.routeIndex == number)
            #expect(asked == 1)
        }
    }

    @Test("matches streams by server name, addresses and ports")
    func streams() throws {
        let routes = [
            expressionRoute(1, #"tls.sni == "a.example.com""#, protocols: [.tls]),
            expressionRoute(2, "net.dst.port == 9000", protocols: [.tcp]),
            expressionRoute(3, "net.src.ip in 10.0.0.0/8", protocols: [.udp]),
            expressionRoute(4, #"tls.sni =^ ".org""#, protocols: [.tlsPassthrough]),
        ]
        let table = try StreamTable(
            compiling: EntityList(routes),
            services: [],
            flavor: .expressions
        )
        let source = try #require(Endpoint("10.0.0.9:1"))
        let destination = try #require(Endpoint("127.0.0.1:9000"))
        let match = { (transport: StreamTransport, name: String?) in
            table.match(
                StreamQuery(
                    transport: transport,
                    source: source,
                    destination: destination,
                    serverName: name
                )
            )
        }
        #expect(match(.tls, "A.Example.com")?.routeIndex == 0)
        #expect(match(.tls, "b.org")?.isPassedThrough == true)
        #expect(match(.tls, "b.net") == nil)
        #expect(match(.tcp, nil)?.routeIndex == 1)
        #expect(match(.udp, nil)?.routeIndex == 2)
        #expect(
            RoutePattern.check(
                expression: #"http.path == "/""#,
                of: expressionRoute(1, "", protocols: [.tcp])
            ) == "Unknown LHS field: http.path"
        )
    }
}

@Suite("A routing table of the flavour traditional")
struct TraditionalTableTests {
    private func winner(_ routes: [Route], _ probe: RoutingProbe) throws -> Int? {
        let table = try RoutingTable(
            compiling: EntityList(routes),
            services: [],
            flavor: .traditional
        )
        return probe.match(table)?.routeIndex
    }

    @Test("prefers hosts to headers to paths to methods among as many kinds of criteria")
    func kinds() throws {
        var header = Route(id: routeID(9))
        header.headers = [HeaderValues(name: "x", values: ["1"])]
        let routes = [
            Route(id: routeID(8), methods: ["GET"]), Route(id: routeID(7), paths: ["/a"]), header,
            Route(id: routeID(1), hosts: ["example.com"]),
        ]
        let probe = RoutingProbe(path: "/a", headers: [("x", "1")])
        for count in 1...4 {
            #expect(try self.winner(Array(routes.prefix(count)), probe) == count - 1)
        }
    }

    @Test("prefers the older of two that are equal, not the greater id")
    func age() throws {
        var old = Route(id: routeID(1), paths: ["/a"])
        old.createdAt = 100
        var young = Route(id: routeID(2), paths: ["/a"])
        young.createdAt = 200
        #expect(try self.winner([young, old], RoutingProbe(path: "/a")) == 1)
    }

    @Test("ranks a route as a whole: its regex lifts its prefixes too")
    func wholeRoutes() throws {
        let mixed = Route(id: routeID(1), paths: ["/a", "~/zzz$"])
        let long = Route(id: routeID(2), paths: ["/a/b"])
        #expect(try self.winner([mixed, long], RoutingProbe(path: "/a/b")) == 0)
    }
}
