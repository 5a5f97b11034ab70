import MeshEntities
import MeshHTTP
import Testing

@testable import MeshDataPlane

@Suite("What a node remembers of requests")
struct RecentRequestTests {
    private static func all(_ plane: DataPlane) -> [RecentRequest] {
        plane.recentRequests(after: "0", limit: 10_000) { _ in true }.requests
    }

    @Test("is what was decided, and no query, field or content")
    func decisions() async throws {
        let gateway = try PluginGateway([
            (name: "correlation-id", config: .record(["header_name": .string("X-Trail")]))
        ])
        let answer = try #require(
            gateway.ask("POST", "/a/b?apikey=secret", ["Content-Length: 3"], body: "abc")
        )
        #expect(answer.status == 200)
        let plane = gateway.gateway.plane
        #expect(await gateway.gateway.eventually { !Self.all(plane).isEmpty })

        let request = try #require(Self.all(plane).first)
        #expect(request.method == "POST")
        #expect(request.path == "/a/b")
        #expect(request.host == "a")
        #expect(request.client == "127.0.0.1")
        #expect(request.status == 200)
        #expect(request.attempts == 1)
        #expect(request.received > 3)
        #expect(request.returned > 0)
        #expect(request.plugin == "")
        #expect(request.changedBy == ["correlation-id"])
        #expect(request.failure == nil)
        #expect(request.upstreamMicroseconds != nil)
        #expect(request.places.contains("\"upstream\":\"127.0.0.1:\(gateway.origin.port)\""))
        #expect(request.places.contains("\"route\":"))
        // What the target was told.
        #expect(answer.text.contains("x-trail: \(request.correlation)"))
        #expect(!request.correlation.isEmpty)
        let found = plane.recentRequests(named: request.correlation)
        #expect(found.map(\.id) == [request.id])
        #expect(plane.recentRequests(named: request.id.uppercased()).count == 1)
        #expect(plane.recentRequests(named: "nothing").isEmpty)
    }

    @Test("names the plugin that answered, and keeps a correlation id that the client sent")
    func answeredByPlugin() async throws {
        let gateway = try PluginGateway([
            (name: "correlation-id", config: .record(["header_name": .string("X-Trail")])),
            (name: "request-termination", config: .record(["status_code": .integer(418)])),
        ])
        #expect(gateway.ask("GET", "/a", ["x-trail: mine"])?.status == 418)
        let plane = gateway.gateway.plane
        #expect(await gateway.gateway.eventually { !Self.all(plane).isEmpty })

        let request = try #require(plane.recentRequests(named: "mine").first)
        #expect(request.plugin == "request-termination")
        #expect(request.status == 418)
        #expect(request.attempts == 0)
        #expect(request.upstreamMicroseconds == nil)
    }

    @Test("has 64 bytes of a correlation id, by which the whole one is found")
    func longCorrelation() async throws {
        let gateway = try PluginGateway([
            (name: "correlation-id", config: .record(["header_name": .string("X-Trail")]))
        ])
        let plane = gateway.gateway.plane
        let (id, other) = (String(repeating: "a/", count: 500), String(repeating: "b", count: 64))
        #expect(gateway.ask("GET", "/a", ["x-trail: \(id)"])?.status == 200)
        #expect(gateway.ask("GET", "/b", ["x-trail: \(other)"])?.status == 200)
        #expect(await gateway.gateway.eventually { Self.all(plane).count == 2 })

        #expect(plane.recentRequests(named: id).map(\.path) == ["/a"])
        #expect(plane.recentRequests(named: id).first?.correlation == String(id.prefix(64)))
        #expect(plane.recentRequests(named: other).map(\.path) == ["/b"])
        #expect(plane.recentRequests(named: String(other.dropLast())).isEmpty)
    }

    @Test("goes on where the last reading ended, and shows every so many of too many")
    func cursors() async throws {
        let origin = Origin.saying("ok")
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let plane = gateway.plane
        let start = plane.recentRequests(after: nil, limit: 10) { _ in true }
        #expect(start.requests.isEmpty)
        for number in 0..<30 {
            #expect(gateway.ask("GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")?.status == 200)
        }
        #expect(await gateway.eventually { Self.all(plane).count == 30 })

        let some = plane.recentRequests(after: start.cursor, limit: 10) { _ in true }
        #expect(some.matched == 30)
        #expect(some.requests.count == 10)
        #expect(some.lost == 0)
        let odd = plane.recentRequests(after: start.cursor, limit: 100) { $0.path.hasSuffix("7") }
        #expect(odd.requests.map(\.path) == ["/7", "/17", "/27"])
        let none = plane.recentRequests(after: some.cursor, limit: 10) { _ in true }
        #expect(none.matched == 0)
        #expect(plane.recentWindow.count == 30)
        #expect(plane.recentWindow.since != nil)
    }

    @Test("is nothing when the setting says so")
    func off() throws {
        let origin = Origin.saying("ok")
        let gateway = try Gateway(TestEntities.proxying([origin.port])) { $0.recentRequests = 0 }
        #expect(gateway.ask("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")?.status == 200)
        #expect(Self.all(gateway.plane).isEmpty)
        #expect(gateway.plane.recentWindow.count == 0)
    }

    @Test("is bounded: the newest stand in the place of the oldest, and who reads is told so")
    func bounded() {
        let trail = RequestTrail(capacity: 20)
        for number in 0..<50 { Self.add("/\(number)", to: trail) }

        var paths: [String] = []
        let lost = trail.read(from: 10) { request in
            paths.append(request.path)
            return true
        }

        #expect(paths == (30..<50).map { "/\($0)" })
        #expect(lost == 20)
        #expect(trail.window == 30..<50)
    }

    @Test("is cut to its room, whatever a client sends")
    func cuts() throws {
        let trail = RequestTrail(capacity: 2)
        Self.add("/" + String(repeating: "x", count: 5_000) + "?q", to: trail)
        Self.add("http://user:password@host/p?q#f", to: trail)
        Self.add("*", to: trail)

        var paths: [String] = []
        _ = trail.read(from: 0) { request in
            paths.append(request.path)
            return true
        }
        #expect(paths == ["/p", "*"])
    }

    @Test("has room for a path, however long all else is")
    func room() {
        let trail = RequestTrail(capacity: 1)
        let path = "/" + String(repeating: "p", count: 79)
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: 500)
        long.withUnsafeBytes { long in
            Array(path.utf8)
                .withUnsafeBytes { path in
                    var entry = AccessLogEntry()
                    entry.routeMembers = long
                    entry.upstreamMember = long
                    entry.method = long
                    entry.client = long
                    entry.host = long
                    entry.target = path
                    let plugins = RequestTrail.Plugins(
                        answering: long,
                        changing: long,
                        correlation: long
                    )
                    trail.append(entry, .none, plugins)
                }
        }
        var paths: [String] = []
        _ = trail.read(from: 0) { request in
            paths.append(request.path)
            return true
        }
        #expect(paths == [path])
    }

    private static func add(_ target: String, to trail: RequestTrail) {
        var target = target
        target.withUTF8 { bytes in
            var entry = AccessLogEntry()
            entry.target = UnsafeRawBufferPointer(bytes)
            trail.append(entry, .none, .none)
        }
    }
}
