import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("The key of consistent hashing")
struct HashKeyTests {
    @Test("of a repeated header counts all of its values")
    func hashesAllValues() throws {
        let origins = (0..<8).map { Origin.saying("\($0)") }
        var entities = TestEntities.proxying(origins.map(\.port))
        entities.upstreams[0].algorithm = .consistentHashing
        entities.upstreams[0].hashOn = .header
        entities.upstreams[0].hashOnHeader = "X-Key"
        let gateway = try Gateway(entities)
        let ask = { (fields: String) in
            gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")?.text ?? "none"
        }

        let seconds = Set((0..<32).map { ask("X-Key: same\r\nX-Key: \($0)\r\n") })
        let again = Set((0..<8).map { _ in ask("X-Key: same\r\nX-Key: 1\r\n") })

        #expect(seconds.count > 1, "the second value decides, too")
        #expect(again.count == 1)
    }

    @Test("of a repeated query argument counts all of its values, sorted as Kong does")
    func hashesAllArguments() throws {
        let origins = (0..<8).map { Origin.saying("\($0)") }
        var entities = TestEntities.proxying(origins.map(\.port))
        entities.upstreams[0].algorithm = .consistentHashing
        entities.upstreams[0].hashOn = .queryArgument
        entities.upstreams[0].hashOnQueryArg = "q"
        let gateway = try Gateway(entities)
        let ask = { (query: String) in
            gateway.ask("GET /?\(query) HTTP/1.1\r\nHost: a\r\n\r\n")?.text ?? "none"
        }

        for other in 2..<10 { #expect(ask("q=1&q=\(other)") == ask("q=\(other)&q=1")) }
        #expect(Set((2..<34).map { ask("q=1&q=\($0)") }).count > 1)
    }

    @Test("is a cookie's value; a client without one is given one and stays where it was")
    func setsCookie() throws {
        let origins = (0..<4).map { Origin.saying("\($0)") }
        var entities = TestEntities.proxying(origins.map(\.port))
        entities.upstreams[0].algorithm = .consistentHashing
        entities.upstreams[0].hashOn = .cookie
        entities.upstreams[0].hashOnCookie = "route"
        entities.upstreams[0].hashOnCookiePath = "/shop"
        let gateway = try Gateway(entities)
        let ask = { (fields: String) in
            gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
        }

        var chosen: Set<String> = []
        for _ in 0..<12 {
            let first = try #require(ask("Cookie: other=1\r\n"))
            let line = try #require(first["set-cookie"])
            let value = try #require(line.split(separator: ";").first)
            #expect(line == "\(value); Path=/shop; SameSite=Lax; HttpOnly")
            let uuid = try #require(value.split(separator: "=").last)
            #expect(value.hasPrefix("route="))
            #expect(EntityID(String(uuid)) != nil, "a UUID, as Kong's")
            for _ in 0..<4 {
                let again = try #require(ask("Cookie: other=1; \(value)\r\n"))
                #expect(again.text == first.text, "the new cookie's hash chose the first target")
                #expect(again["set-cookie"] == nil, "only a missing cookie is set")
            }
            chosen.insert(first.text)
        }
        #expect(chosen.count > 1)
    }

    @Test("falls back to a cookie that is set only when the first input is missing")
    func fallsBackToCookie() throws {
        let origins = (0..<4).map { Origin.saying("\($0)") }
        var entities = TestEntities.proxying(origins.map(\.port))
        entities.upstreams[0].algorithm = .consistentHashing
        entities.upstreams[0].hashOn = .header
        entities.upstreams[0].hashOnHeader = "X-Key"
        entities.upstreams[0].hashFallback = .cookie
        entities.upstreams[0].hashOnCookie = "route"
        let gateway = try Gateway(entities)

        let keyed = gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nX-Key: 1\r\n\r\n")
        let bare = gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")

        #expect(keyed?.status == 200 && keyed?["set-cookie"] == nil)
        #expect(bare?["set-cookie"]?.hasPrefix("route=") == true)
    }

    @Test("is what the route's regex captures, by name or number, else the fallback's")
    func uriCapture() throws {
        let origins = (0..<8).map { Origin.saying("\($0)") }
        for capture in ["user", "1"] {
            var entities = TestEntities.proxying(origins.map(\.port)) { _, route in
                route.paths = ["~/users/(?<user>\\w+)/", "/plain"]
            }
            entities.upstreams[0].algorithm = .consistentHashing
            entities.upstreams[0].hashOn = .uriCapture
            entities.upstreams[0].hashOnURICapture = capture
            entities.upstreams[0].hashFallback = .header
            entities.upstreams[0].hashFallbackHeader = "X-Key"
            let gateway = try Gateway(entities)
            let ask = { (path: String, key: String) in
                let fields = "Host: a\r\nX-Key: \(key)\r\n"
                return gateway.ask("GET \(path) HTTP/1.1\r\n\(fields)\r\n")?.text ?? "none"
            }

            for user in 0..<6 {
                let texts = Set((0..<8).map { ask("/users/u\(user)/\($0)", "\($0)") })
                #expect(texts.count == 1, "neither the rest of the path nor the header counts")
                #expect(!texts.contains("none"))
            }
            #expect(Set((0..<32).map { ask("/users/u\($0)/", "same") }).count > 1)
            #expect(Set((0..<8).map { _ in ask("/plain", "same") }).count == 1)
            #expect(Set((0..<32).map { ask("/plain", "\($0)") }).count > 1)
        }
    }

    @Test("takes up a capture when the upstream begins to hash on it while the routes stay")
    func captureComesLater() throws {
        let origins = (0..<4).map { Origin.saying("\($0)") }
        var entities = TestEntities.proxying(origins.map(\.port)) { _, route in
            route.paths = ["~/users/(\\w+)"]
        }
        let gateway = try Gateway(entities)
        #expect(gateway.ask("GET /users/a HTTP/1.1\r\nHost: a\r\n\r\n")?.status == 200)

        entities.upstreams[0].algorithm = .consistentHashing
        entities.upstreams[0].hashOn = .uriCapture
        entities.upstreams[0].hashOnURICapture = "1"
        try gateway.install(entities, version: 2)

        let texts = (0..<16).map { _ in
            gateway.ask("GET /users/a HTTP/1.1\r\nHost: a\r\n\r\n")?.text ?? "none"
        }
        #expect(Set(texts.suffix(12)).count == 1)
    }
}
