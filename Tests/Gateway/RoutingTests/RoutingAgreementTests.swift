import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshRouting

@Suite("A routing table and the slow router")
struct RoutingAgreementTests {
    private static let hosts = [
        "a.com", "b.com", "x.a.com", "y.x.a.com", "a.org", "a.com:8443", "*.com", "*.a.com", "a.*",
        "x.*", "x.a.*", "*.org:8443",
    ]
    private static let paths = [
        "/", "/a", "/a/", "/a/b", "/ab", "/a/b/c", "/b", "~/a", "~/a/\\d+", "~/(a|b)/?",
        "~/a/b$", "~/[ab]+", "~/a.*c", "~/b/(?<x>\\d*)",
    ]
    private static let requestPaths = [
        "/", "/a", "/a/", "/a/b", "/ab", "/abc", "/a/b/c", "/a/b/c/d", "/a/12", "/b", "/b/7", "/c",
        "/a/xc",
    ]

    @Test("find the same route for every request", arguments: UInt64(0)..<60)
    func agree(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var off = Service(id: routeID(1_000), host: "h")
        off.enabled = false
        let routes = (0..<(1 + generator.next(below: 40))).map { number in
            Self.route(number, off.id, &generator)
        }
        let table = try RoutingTable(compiling: EntityList(routes), services: [off])
        let slow = try SlowRouter(routes, services: [off])
        let scratch = RoutingScratch()

        for _ in 0..<150 {
            let probe = Self.probe(&generator)
            let fast = probe.match(table, scratch: scratch)
            #expect(fast == slow.match(probe), "seed \(seed), \(probe)")
        }
    }

    @Test("find the same route after every change of some of them", arguments: UInt64(0)..<20)
    func agreeAfterChanges(seed: UInt64) throws {
        var generator = SeededGenerator(seed: 1_000 + seed)
        var off = Service(id: routeID(1_000_000), host: "h")
        off.enabled = false
        var number = 100
        var routes = EntityList((0..<100).map { Self.route($0, off.id, &generator) })
        routes.sortByKey()
        var table: RoutingTable?
        var layered = 0
        let scratch = RoutingScratch()

        for _ in 0..<30 {
            for _ in 0..<generator.next(below: 6) {
                let place = generator.next(below: routes.count)
                var other = Self.route(number, off.id, &generator)
                number += 1
                switch generator.next(below: 3) {
                case 0: routes.remove(at: place)
                case 1: routes.append(other)
                default:
                    other.id = routes[place].id
                    routes[place] = other
                }
            }
            routes.sortByKey()
            let made = try RoutingTable(
                routes,
                disabled: [off.id],
                .traditionalCompatible,
                reusing: table,
                layeredRoutes: 0
            )
            layered += made.isLayered ? 1 : 0
            table = made
            let slow = try SlowRouter(Array(routes), services: [off])
            for _ in 0..<40 {
                let probe = Self.probe(&generator)
                #expect(
                    probe.match(made, scratch: scratch) == slow.match(probe),
                    "\(seed), \(probe)"
                )
            }
        }
        #expect(layered > 10, "changes were compiled upon the others")
        #expect(layered < 30, "and now and then all of them at once")
    }

    private static func route(
        _ number: Int,
        _ off: EntityID,
        _ generator: inout SeededGenerator
    ) -> Route {
        // Few different identities, so that ties inside and between routes occur.
        var route = Route(id: routeID(generator.next(below: 30) * 100 + number))
        if generator.next(below: 10) == 0 { route.service = off }
        if generator.next(below: 3) > 0 { route.hosts = Self.some(Self.hosts, &generator) }
        if generator.next(below: 3) > 0 { route.paths = Self.some(Self.paths, &generator) }
        if generator.next(below: 3) == 0 { route.methods = Self.some(["GET", "PUT"], &generator) }
        if generator.next(below: 4) == 0 { route.snis = ["a.com"] }
        if generator.next(below: 4) == 0 {
            route.headers = Self.some(["x", "y"], &generator).sorted().map { name in
                HeaderValues(name: name, values: Self.some(["1", "Two"], &generator))
            }
        }
        route.regexPriority = generator.next(below: 3)
        return route
    }

    private static func probe(_ generator: inout SeededGenerator) -> RoutingProbe {
        let hosts = ["a.com", "b.com", "x.a.com", "y.x.a.com", "a.org", "x.org", "none", ""]
        var probe = RoutingProbe()
        probe.method = ["GET", "PUT", "POST"][generator.next(below: 3)]
        probe.host = hosts[generator.next(below: hosts.count)]
        probe.path = Self.requestPaths[generator.next(below: Self.requestPaths.count)]
        probe.port = generator.next(below: 2) == 0 ? 80 : 8443
        probe.serverName = [nil, "a.com", "b.com"][generator.next(below: 3)]
        for name in ["x", "y"] where generator.next(below: 2) == 0 {
            probe.headers.append((name, ["1", "two", "3"][generator.next(below: 3)]))
        }
        return probe
    }

    private static func some(_ all: [String], _ generator: inout SeededGenerator) -> [String] {
        Array(generator.shuffle(all).prefix(1 + generator.next(below: 3)))
    }
}
