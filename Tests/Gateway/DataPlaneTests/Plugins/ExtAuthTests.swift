import MeshEntities
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("ext-auth: a service outside says whether a request may pass")
struct ExtAuthTests {
    private func gateway(
        _ service: UInt16,
        _ more: KeyValuePairs<String, DocumentValue> = [:]
    ) throws -> PluginGateway {
        var config = [DocumentField("url", .string("http://127.0.0.1:\(service)/check?a=1"))]
        for (name, value) in more { config.append(DocumentField(name, value)) }
        return try PluginGateway([("ext-auth", .object(config))])
    }

    private static func answer(
        _ status: String,
        _ lines: String = "",
        _ body: String = ""
    ) -> String {
        "HTTP/1.1 \(status)\r\n\(lines)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test("lets pass what the service answers 2xx, with fields of the answer for the target")
    func passes() throws {
        let service = Origin.answering { _ in
            Self.answer("200 OK", "X-User: ann\r\nX-Other: no\r\n")
        }
        let plugin = try self.gateway(service.port, ["response_headers": .strings("X-User")])
        let answer = try #require(
            plugin.ask(
                "POST",
                "/a?b=1",
                ["Authorization: t", "X-User: eve", "Content-Length: 2"],
                body: "hi"
            )
        )
        #expect(answer.status == 200)
        #expect(answer.text.contains("x-user: ann"))
        #expect(!answer.text.contains("eve"))
        #expect(!answer.text.contains("x-other"))
        #expect(answer.text.hasSuffix("hi"))
        let question = try #require(service.messages.first)
        #expect(question.startLine == "GET /check?a=1 HTTP/1.1")
        #expect(question["authorization"] == "t")
        #expect(question["x-user"] == nil)
        #expect(question["x-forwarded-method"] == "POST")
        #expect(question["x-forwarded-uri"] == "/a?b=1")
        #expect(question["x-forwarded-host"] == "a")
        #expect(question["x-forwarded-for"] == "127.0.0.1")
        // The next question goes over the same connection.
        #expect(plugin.ask()?.status == 200)
        #expect(service.connections == 1)
    }

    @Test("answers what the service answers with 3xx and 4xx, and asks no target")
    func refuses() throws {
        let service = Origin.answering { request in
            request["x-forwarded-uri"] == "/login"
                ? Self.answer("302 Found", "Location: https://sso.test/\r\n")
                : Self.answer(
                    "401 Unauthorized",
                    "WWW-Authenticate: Bearer\r\nContent-Type: text/plain\r\n",
                    "who are you"
                )
        }
        let plugin = try self.gateway(service.port)
        let refused = try #require(plugin.ask())
        #expect(refused.status == 401)
        #expect(refused["www-authenticate"] == "Bearer")
        #expect(refused["content-type"] == "text/plain")
        #expect(refused.text == "who are you")
        let redirected = try #require(plugin.ask("GET", "/login"))
        #expect(redirected.status == 302)
        #expect(redirected["location"] == "https://sso.test/")
        #expect(plugin.origin.requests.isEmpty)
    }

    @Test(
        "fails closed when the service is away, fails, or takes too long, unless it is told otherwise",
        arguments: ["away", "failing", "slow"]
    )
    func failures(way: String) throws {
        let service =
            switch way {
            case "failing": Origin.answering { _ in Self.answer("500 Oops") }
            default: Origin { _, socket, _ in while socket.message() != nil {} }
            }
        let port = way == "away" ? Origin.deadPort() : service.port
        let limit: DocumentValue = .integer(300)
        let closed = try self.gateway(port, ["timeout": limit])
        let answer = try #require(closed.ask())
        #expect(answer.status == 503)
        #expect(closed.origin.requests.isEmpty)
        let chosen = try self.gateway(port, ["timeout": limit, "failure_status": .integer(502)])
        #expect(chosen.ask()?.status == 502)
        let open = try self.gateway(port, ["timeout": limit, "fail_open": .bool(true)])
        #expect(open.ask()?.status == 200)
    }

    @Test("does what it is told with requests that it never came to ask about")
    func late() throws {
        let service = Origin { _, socket, _ in while socket.message() != nil {} }
        for isOpen in [false, true] {
            let plugin = try self.gateway(
                service.port,
                [
                    "timeout": .integer(500), "fail_open": .bool(isOpen),
                    "failure_status": .integer(599),
                ]
            )
            // More than can be asked about while the first of them are waited for.
            let clients = (0..<160).map { _ in plugin.gateway.connect() }
            for client in clients { client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n") }
            let statuses = Set(clients.map { $0.message()?.status })
            #expect(statuses == [isOpen ? 200 : 599])
        }
    }

    @Test("remembers who may pass for as long as it is told, and nobody who may not")
    func cache() throws {
        let asked = Atomic<Int>(0)
        let service = Origin.answering { request in
            asked.wrappingAdd(1, ordering: .relaxed)
            return Self.answer(request["authorization"] == "good" ? "204 Fine" : "403 No")
        }
        let plugin = try self.gateway(service.port, ["cache_ttl": .integer(86_400)])
        for _ in 0..<3 { #expect(plugin.ask("GET", "/a", ["Authorization: good"])?.status == 200) }
        #expect(asked.load(ordering: .relaxed) == 1)
        for _ in 0..<2 { #expect(plugin.ask("GET", "/a", ["Authorization: bad"])?.status == 403) }
        #expect(asked.load(ordering: .relaxed) == 3)
    }

    @Test("forgets with its settings who may pass")
    func changed() throws {
        let service = Origin.answering { request in
            Self.answer(request.startLine.hasPrefix("GET /check") ? "204 Fine" : "403 No")
        }
        let plugin = try self.gateway(service.port, ["cache_ttl": .integer(86_400)])
        #expect(plugin.ask()?.status == 200)
        var stricter = Plugin(
            id: EntityID(high: 9, low: 0),
            name: "ext-auth",
            config: .record([
                "url": .string("http://127.0.0.1:\(service.port)/stricter"),
                "cache_ttl": .integer(86_400),
            ])
        )
        stricter.route = TestEntities.routeID
        var entities = TestEntities.proxying([plugin.origin.port])
        entities.plugins = EntityList([stricter])
        try plugin.gateway.install(entities, version: 2)
        #expect(plugin.ask()?.status == 403)
    }
}
