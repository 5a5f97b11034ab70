import MeshEntities
import MeshPrimitives
import MeshRouting
import Testing

@Suite("A stream table")
struct StreamTableTests {
    private func route(
        _ number: Int,
        _ protocols: [GatewayProtocol],
        sources: [Route.Peer] = [],
        destinations: [Route.Peer] = [],
        snis: [String] = []
    ) -> Route {
        var route = Route(id: EntityID(high: 0, low: UInt64(number)))
        route.protocols = protocols
        (route.sources, route.destinations, route.snis) = (sources, destinations, snis)
        return route
    }

    private func query(
        _ transport: StreamTransport,
        from source: String = "192.0.2.1:40000",
        to destination: String = "10.0.0.1:9000",
        _ serverName: String? = nil
    ) throws -> StreamQuery {
        StreamQuery(
            transport: transport,
            source: try #require(Endpoint(source)),
            destination: try #require(Endpoint(destination)),
            serverName: serverName
        )
    }

    @Test("takes only connections of the route's protocols")
    func protocols() throws {
        let port = Route.Peer(port: 9_000)
        let table = try StreamTable(
            compiling: [
                self.route(1, [.udp], destinations: [port]),
                self.route(2, [.tcp], destinations: [port]),
                self.route(3, [.tls], destinations: [port]),
            ],
            services: []
        )

        #expect(table.match(try self.query(.udp))?.routeIndex == 0)
        #expect(table.match(try self.query(.tcp))?.routeIndex == 1)
        #expect(table.match(try self.query(.tls))?.routeIndex == 2)
        #expect(table.hasRoutes(for: .udp))
    }

    @Test("tells TLS that is passed through from TLS that ends here")
    func passthrough() throws {
        let table = try StreamTable(
            compiling: [
                self.route(1, [.tlsPassthrough], snis: ["a.test"]),
                self.route(2, [.tls], snis: ["b.test"]),
            ],
            services: []
        )

        let through = StreamMatch(routeIndex: 0, isPassedThrough: true)
        #expect(table.match(try self.query(.tls, "A.Test.")) == through)
        let ended = StreamMatch(routeIndex: 1, isPassedThrough: false)
        #expect(table.match(try self.query(.tls, "b.test")) == ended)
        #expect(table.match(try self.query(.tls, "c.test")) == nil)
        #expect(table.match(try self.query(.tls)) == nil)
        #expect(table.match(try self.query(.tcp, "a.test")) == nil)
        #expect(!table.hasRoutes(for: .tcp))
    }

    @Test(
        "matches server names whole, by their end and by their beginning",
        arguments: [
            ("a.test", "a.test", true), ("*.test", "x.a.test", true), ("*.test", "test", false),
            ("*.test", ".test", false), ("a.*", "a.b.c", true), ("a.*", "a.", false),
            ("*", "anything", true), ("*", nil, false), ("A.TEST", "a.test", true),
        ] as [(String, String?, Bool)]
    )
    func names(pattern: String, name: String?, expected: Bool) throws {
        let route = self.route(1, [.tls], snis: [pattern])
        let table = try StreamTable(compiling: [route], services: [])

        #expect((table.match(try self.query(.tls, name)) != nil) == expected)
    }

    @Test("does not ask plain TCP for a server name")
    func plain() throws {
        let route = self.route(1, [.tcp, .tls], snis: ["a.test"])
        let table = try StreamTable(compiling: [route], services: [])

        #expect(table.match(try self.query(.tcp)) != nil)
        #expect(table.match(try self.query(.tls)) == nil)
    }

    @Test("prefers both sides or a name, then an address, a port, a block, then the greater id")
    func priorities() throws {
        let routes = [
            self.route(1, [.tcp], sources: [Route.Peer(ip: "192.0.2.0/24")]),
            self.route(2, [.tcp], sources: [Route.Peer(port: 40_000)]),
            self.route(3, [.tcp], sources: [Route.Peer(ip: "192.0.2.1")]),
            self.route(4, [.tcp], sources: [Route.Peer(ip: "192.0.2.1", port: 40_000)]),
            self.route(
                5,
                [.tcp],
                sources: [Route.Peer(ip: "192.0.2.0/24")],
                destinations: [Route.Peer(ip: "10.0.0.0/8")]
            ),
            self.route(
                6,
                [.tcp],
                sources: [Route.Peer(ip: "192.0.2.0/24")],
                destinations: [Route.Peer(ip: "10.0.0.0/8")]
            ),
        ]
        for last in 1...routes.count {
            let table = try StreamTable(compiling: EntityList(routes.prefix(last)), services: [])

            #expect(table.match(try self.query(.tcp))?.routeIndex == last - 1)
        }
    }

    @Test("leaves out routes of services that are off, and HTTP routes")
    func leftOut() throws {
        var service = Service(id: EntityID(high: 9, low: 9), host: "a")
        service.enabled = false
        var off = self.route(1, [.tcp], destinations: [Route.Peer(port: 9_000)])
        off.service = service.id
        let table = try StreamTable(
            compiling: [off, Route(id: service.id, paths: ["/"])],
            services: [service]
        )

        #expect(table.match(try self.query(.tcp)) == nil)
    }
}

@Suite("A stream table and the slow router of streams")
struct StreamAgreementTests {
    private static let names = ["a.test", "b.test", "*.test", "x.*", "*", "x.a.test"]
    private static let addresses = ["10.0.0.1", "10.0.0.0/8", "192.0.2.1", "0.0.0.0/0", "::1"]

    @Test("find the same route for every connection", arguments: UInt64(0)..<60)
    func agree(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let routes = (0..<(1 + generator.next(below: 25))).map { Self.route($0, &generator) }
        let table = try StreamTable(compiling: EntityList(routes), services: [])

        for _ in 0..<150 {
            let query = try Self.query(&generator)
            let slow = SlowStreamRouter.match(query, routes)
            #expect(table.match(query)?.routeIndex == slow, "seed \(seed), \(query)")
        }
    }

    private static func route(_ number: Int, _ generator: inout SeededGenerator) -> Route {
        var route = Route(
            id: EntityID(high: 0, low: UInt64(generator.next(below: 1_000) * 100 + number))
        )
        let sets: [[GatewayProtocol]] = [
            [.tcp], [.udp], [.tls], [.tls, .tcp], [.tlsPassthrough], [.http],
        ]
        route.protocols = sets[generator.next(below: sets.count)]
        if generator.next(below: 2) == 0 { route.sources = Self.peers(&generator) }
        if generator.next(below: 2) == 0 { route.destinations = Self.peers(&generator) }
        if generator.next(below: 2) == 0 {
            route.snis = Array(generator.shuffle(Self.names).prefix(1 + generator.next(below: 2)))
        }
        return route
    }

    private static func peers(_ generator: inout SeededGenerator) -> [Route.Peer] {
        (0...generator.next(below: 2)).map { _ in
            let kind = generator.next(below: 3)
            return Route.Peer(
                ip: kind == 0 ? nil : Self.addresses[generator.next(below: Self.addresses.count)],
                port: kind == 1 ? nil : generator.next(below: 3)
            )
        }
    }

    private static func query(_ generator: inout SeededGenerator) throws -> StreamQuery {
        let transports: [StreamTransport] = [.tcp, .tls, .udp]
        let hosts = ["10.0.0.1", "10.9.9.9", "192.0.2.1", "[::1]", "[::2]"]
        let names: [String?] = [nil, "a.test", "b.test", "x.a.test", "x.org", "org"]
        let side = { (generator: inout SeededGenerator) in
            "\(hosts[generator.next(below: hosts.count)]):\(generator.next(below: 3))"
        }
        return StreamQuery(
            transport: transports[generator.next(below: 3)],
            source: try #require(Endpoint(side(&generator))),
            destination: try #require(Endpoint(side(&generator))),
            serverName: names[generator.next(below: names.count)]
        )
    }
}

/// Kong's rules for streams word by word, as slow and obvious as they can be written.
private enum SlowStreamRouter {
    static func match(_ query: StreamQuery, _ routes: [Route]) -> Int? {
        routes.indices
            .filter { self.fits(routes[$0], query) }
            .max { left, right in
                let (first, second) = (self.order(routes[left]), self.order(routes[right]))
                return first == second
                    ? routes[left].id < routes[right].id
                    : first.lexicographicallyPrecedes(second)
            }
    }

    /// Name or both sides, then source by address, port, block, then destination.
    private static func order(_ route: Route) -> [Int] {
        let isFirst = !route.snis.isEmpty || !route.sources.isEmpty && !route.destinations.isEmpty
        let sides = [route.sources, route.destinations].flatMap { peers in
            [
                peers.contains { $0.ip.map { !$0.contains("/") } ?? false },
                peers.contains { $0.port != nil },
                peers.contains { $0.ip?.contains("/") ?? false },
            ]
        }
        return ([isFirst] + sides).map { $0 ? 1 : 0 }
    }

    private static func fits(_ route: Route, _ query: StreamQuery) -> Bool {
        let wanted: [GatewayProtocol] =
            switch query.transport {
            case .tcp: [.tcp]
            case .udp: [.udp]
            case .tls: [.tls, .tlsPassthrough]
            }
        guard route.protocols.contains(where: wanted.contains) else { return false }
        if query.transport == .tls, !route.snis.isEmpty {
            guard let name = query.serverName, route.snis.contains(where: { self.fits($0, name) })
            else { return false }
        }
        return self.fits(route.sources, query.source)
            && self.fits(route.destinations, query.destination)
    }

    private static func fits(_ pattern: String, _ name: String) -> Bool {
        if pattern == "*" { return !name.isEmpty }
        if pattern.hasPrefix("*") { return name.hasSuffix(String(pattern.dropFirst())) }
        if pattern.hasSuffix("*") { return name.hasPrefix(String(pattern.dropLast())) }
        return name == pattern
    }

    private static func fits(_ peers: [Route.Peer], _ endpoint: Endpoint) -> Bool {
        peers.isEmpty
            || peers.contains { peer in
                let isAddress = peer.ip.map { text in
                    AddressBlock(text).map { $0.contains(endpoint.address) } ?? false
                }
                return (isAddress ?? true) && (peer.port.map { $0 == Int(endpoint.port) } ?? true)
            }
    }
}
