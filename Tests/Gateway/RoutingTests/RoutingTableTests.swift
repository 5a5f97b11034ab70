import MeshEntities
import MeshPrimitives
import MeshRouting
import Testing

@Suite("A routing table")
struct RoutingTableTests {
    @Test("prefers more kinds of criteria, then plain hosts, headers, regexes and long prefixes")
    func ordersByKong() throws {
        var header = Route(id: routeID(6), hosts: ["example.com"], paths: ["/"])
        header.headers = [HeaderValues(name: "x", values: ["1"])]
        var low = Route(id: routeID(4), hosts: ["example.com"], paths: ["~/a/.+"])
        low.regexPriority = 1
        var high = Route(id: routeID(3), hosts: ["example.com"], paths: ["~/a/b"])
        high.regexPriority = 2
        let routes = [
            Route(id: routeID(9), paths: ["/a/b/c/d"]),
            Route(id: routeID(8), hosts: ["*.com"], paths: ["/a/b/c/d"]),
            Route(id: routeID(7), hosts: ["example.com"], paths: ["/a/b/c/d"]),
            Route(id: routeID(5), hosts: ["example.com"], paths: ["/a/b"]),
            low, high, header,
        ]
        let worstFirst = [0, 1, 3, 2, 4, 5, 6]
        let probe = RoutingProbe(path: "/a/b/c/d", headers: [("x", "1")])

        for count in 1...routes.count {
            let places = worstFirst.prefix(count)
            let table = try RoutingTable(
                compiling: EntityList(places.map { routes[$0] }),
                services: []
            )
            #expect(probe.match(table)?.routeIndex == count - 1)
        }
    }

    @Test("breaks a full tie by the greater id, wherever the route stands")
    func breaksTies() throws {
        let small = Route(id: routeID(1), paths: ["/a"])
        let great = Route(id: routeID(2), paths: ["/a"])

        #expect(try self.index([small, great], RoutingProbe(path: "/a")) == 1)
        #expect(try self.index([great, small], RoutingProbe(path: "/a")) == 0)
    }

    @Test("lets every path of a route compete by itself")
    func splitsPaths() throws {
        let mixed = Route(id: routeID(1), paths: ["/a/b/c", "/a", "~/r/\\d+"])
        let middle = Route(id: routeID(2), paths: ["/a/b", "/r/1/long/prefix"])

        #expect(try self.index([mixed, middle], RoutingProbe(path: "/a/b/c")) == 0)
        #expect(try self.index([mixed, middle], RoutingProbe(path: "/a/b/x")) == 1)
        #expect(try self.index([mixed, middle], RoutingProbe(path: "/a/x")) == 0)
        #expect(try self.index([mixed, middle], RoutingProbe(path: "/r/1/long/prefix")) == 0)
    }

    @Test(
        "matches paths in decoded form, as Kong does",
        arguments: [
            ("/k%C3%B8dsalg/1", 0), ("/k\u{F8}dsalg", 0), ("/a%20b", 1), ("/files/my%20doc", 2),
            ("/auth%7Cx", 3), ("/caf%E9", 4), ("/c%2Fd", 5), ("/c%2fd", 5),
        ]
    )
    func decodedPaths(raw: String, index: Int) throws {
        let routes = [
            ["/k\u{F8}dsalg"], ["/a b"], ["~/files/[a-z ]+$"], ["~/auth\\|x"], ["~/caf\\xE9$"],
            ["/c%2Fd"],
        ].enumerated().map { Route(id: routeID($0 + 1), paths: $1) }
        let path = try #require(RequestPathTests.normalized(Array(raw.utf8)))

        let table = try RoutingTable(compiling: EntityList(routes), services: [])
        let query = path.withUnsafeBytes { path in
            withBytes("GET") { method in
                table.match(
                    RouteQuery(
                        method: method,
                        host: UnsafeRawBufferPointer(start: nil, count: 0),
                        path: path,
                        port: 80
                    ),
                    scratch: RoutingScratch()
                ) { _, _ in false }?.routeIndex
            }
        }

        #expect(query == index)
    }

    @Test("says how much of the path was matched")
    func measuresMatch() throws {
        let routes = [
            Route(id: routeID(1), paths: ["/abc", "/ab"]),
            Route(id: routeID(2), paths: ["~/v(\\d+)/(?<name>[a-z]+)"]),
            Route(id: routeID(3), methods: ["PUT"]),
        ]
        let table = try RoutingTable(compiling: EntityList(routes), services: [])

        #expect(
            RoutingProbe(path: "/abcd").match(table) == RouteMatch(routeIndex: 0, prefixLength: 4)
        )
        #expect(
            RoutingProbe(path: "/v12/xy/z").match(table)
                == RouteMatch(routeIndex: 1, prefixLength: 7)
        )
        #expect(
            RoutingProbe(method: "PUT", path: "/q").match(table)
                == RouteMatch(routeIndex: 2, prefixLength: 0)
        )
        #expect(RoutingProbe(path: "/q").match(table) == nil)
    }

    @Test("matches wildcard hosts at any depth and ports only when written")
    func matchesHosts() throws {
        let routes = [
            Route(id: routeID(1), hosts: ["*.example.com"]),
            Route(id: routeID(2), hosts: ["shop.*"]),
            Route(id: routeID(3), hosts: ["ported.com:8443"]),
            Route(id: routeID(4), hosts: ["Upper.com"]),
        ]
        let table = try RoutingTable(compiling: EntityList(routes), services: [])
        func index(_ host: String, port: UInt16 = 80) -> Int? {
            RoutingProbe(host: host, port: port).match(table)?.routeIndex
        }

        #expect(index("a.example.com") == 0)
        #expect(index("a.b.example.com") == 0)
        #expect(index("example.com") == nil)
        #expect(index("badexample.com") == nil)
        #expect(index("shop.de") == 1)
        #expect(index("shop.co.uk") == 1)
        #expect(index("shop") == nil)
        #expect(index("ported.com") == nil)
        #expect(index("ported.com", port: 8443) == 2)
        #expect(index("upper.com") == 3)
        #expect(index("") == nil)
        #expect(index(String(repeating: ".", count: 20_000)) == nil)
    }

    @Test("compares header values without case, any value for each, all headers")
    func matchesHeaders() throws {
        var both = Route(id: routeID(1))
        both.headers = [
            HeaderValues(name: "x-kind", values: ["Gold", "silver"]),
            HeaderValues(name: "x-agent", values: ["~*^curl/\\d"]),
        ]
        let table = try RoutingTable(compiling: [both], services: [])
        func matches(_ headers: [(name: String, value: String)]) -> Bool {
            RoutingProbe(headers: headers).match(table) != nil
        }

        #expect(matches([("x-kind", "bronze"), ("x-kind", "SILVER"), ("x-agent", "CURL/8")]))
        #expect(!matches([("x-kind", "gold")]))
        #expect(!matches([("x-kind", "golden"), ("x-agent", "curl/8")]))
        #expect(!matches([("x-kind", "gold"), ("x-agent", "my curl/8")]))
    }

    @Test("asks for a server name over TLS only")
    func matchesServerNames() throws {
        var route = Route(id: routeID(1), paths: ["/"])
        route.snis = ["a.com", "*.b.com"]
        let table = try RoutingTable(compiling: [route], services: [])

        #expect(RoutingProbe().match(table) != nil)
        #expect(RoutingProbe(serverName: "a.com").match(table) != nil)
        #expect(RoutingProbe(serverName: "x.b.com").match(table) != nil)
        #expect(RoutingProbe(serverName: "b.com").match(table) == nil)
        #expect(RoutingProbe(serverName: "").match(table) == nil)
    }

    @Test("leaves out disabled services and routes of other protocols")
    func leavesOut() throws {
        var off = Service(id: routeID(9), host: "h")
        off.enabled = false
        var stream = Route(id: routeID(3), paths: ["/"])
        stream.protocols = [.tcp]
        let routes = [
            Route(id: routeID(2), service: off.id, paths: ["/"]), stream,
            Route(id: routeID(1), paths: ["/"]),
        ]
        let table = try RoutingTable(compiling: EntityList(routes), services: [off])

        #expect(RoutingProbe().match(table)?.routeIndex == 2)
    }

    @Test("anchors every choice of a regex at the start, and `$` at the very end")
    func anchorsRegexes() throws {
        let route = Route(id: routeID(1), paths: ["~/a|/b", "~/c$"])

        #expect(try self.index([route], RoutingProbe(path: "/bx")) == 0)
        #expect(try self.index([route], RoutingProbe(path: "/x/b")) == nil)
        #expect(try self.index([route], RoutingProbe(path: "/c")) == 0)
        #expect(try self.index([route], RoutingProbe(path: "/cx")) == nil)
        #expect(try self.index([route], RoutingProbe(path: "/c\n")) == nil)
    }

    @Test("counts a regex that backtracks without end as no match, soon")
    func limitsHostileRegexes() throws {
        let hostile = Route(id: routeID(2), paths: ["~/(a+)+$", "~/(a|aa)+$", "~/(.*)*x"])
        let plain = Route(id: routeID(1), paths: ["/"])
        let table = try RoutingTable(compiling: [hostile, plain], services: [])
        let path = "/" + String(repeating: "a", count: 8_000) + "!"

        let clock = ContinuousClock()
        let elapsed = clock.measure {
            #expect(RoutingProbe(path: path).match(table)?.routeIndex == 1)
        }

        #expect(elapsed < .seconds(1), "three patterns took \(elapsed)")
    }

    @Test("names the route and its bad part")
    func explainsErrors() throws {
        var header = Route(id: routeID(1), name: "two")
        header.headers = [HeaderValues(name: "x", values: ["~*("])]
        let cases: [(Route, RoutingError)] = [
            (
                Route(id: routeID(1), name: "one", paths: ["~/(a"]),
                .invalidPath(
                    route: "one",
                    path: "~/(a",
                    message: "missing closing parenthesis at offset 3"
                )
            ),
            (
                header,
                .invalidHeader(
                    route: "two",
                    header: "x",
                    value: "~*(",
                    message: "missing closing parenthesis at offset 1"
                )
            ),
            (
                Route(id: routeID(1), name: "three", methods: (0..<65).map { "M\($0)" }),
                .tooManyMethods(route: "three", limit: 64)
            ),
            (
                Route(id: routeID(1), paths: ["/" + String(repeating: "a", count: 65_535)]),
                .pathTooLong(
                    route: routeID(1).description,
                    path: "/" + String(repeating: "a", count: 65_535),
                    limit: 65_535
                )
            ),
        ]
        for (route, expected) in cases {
            let error = #expect(throws: RoutingError.self) {
                try RoutingTable(compiling: [route], services: [])
            }
            #expect(error == expected)
            #expect(error?.description.contains(route.name ?? route.id.description) == true)
        }
    }

    @Test("may be empty")
    func toleratesNothing() throws {
        #expect(try self.index([], RoutingProbe(path: "/a")) == nil)
        #expect(try self.index([], RoutingProbe(path: "")) == nil)
    }

    private func index(_ routes: [Route], _ probe: RoutingProbe) throws -> Int? {
        probe.match(try RoutingTable(compiling: EntityList(routes), services: []))?.routeIndex
    }
}
