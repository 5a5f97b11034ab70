import MeshEntities
import Testing

@Suite("Plugins that admit requests, on the wire (Kong 3.9)")
struct AdmissionPluginTests {
    @Test("ip-restriction lets nobody but the allowed pass, the denied first")
    func addresses() throws {
        let denied = try PluginGateway("ip-restriction", ["deny": .strings("127.0.0.0/8")])
        let refusal = try #require(denied.ask())
        #expect(refusal.status == 403)
        #expect(refusal.text.contains("\"message\":\"IP address not allowed: 127.0.0.1\""))
        #expect(denied.origin.requests.isEmpty)
        let allowed = try PluginGateway("ip-restriction", ["allow": .strings("127.0.0.1")])
        #expect(allowed.ask()?.status == 200)
        let others = try PluginGateway(
            "ip-restriction",
            [
                "allow": .strings("10.0.0.0/8"), "status": .integer(404),
                "message": .string("gone"),
            ]
        )
        let answer = try #require(others.ask())
        #expect(answer.status == 404)
        #expect(answer.text.contains("\"message\":\"gone\""))
        let both = try PluginGateway(
            "ip-restriction",
            ["allow": .strings("127.0.0.1"), "deny": .strings("127.0.0.1")]
        )
        #expect(both.ask()?.status == 403)
    }

    @Test("bot-detection refuses known robots, twice as well, and lets others pass")
    func robots() throws {
        let plugin = try PluginGateway("bot-detection")
        for _ in 0..<2 {
            let answer = try #require(plugin.ask("GET", "/a", ["User-Agent: Googlebot/2.1"]))
            #expect(answer.status == 403)
            #expect(answer.text.contains("Forbidden"))
            #expect(plugin.ask("GET", "/a", ["User-Agent: curl/8.0"])?.status == 200)
        }
        #expect(plugin.ask()?.status == 200)
        let two = plugin.ask("GET", "/a", ["User-Agent: a", "User-Agent: b"])
        #expect(two?.status == 400)
    }

    @Test("bot-detection forgets with its settings what it has found of agents")
    func changedRobots() throws {
        let plugin = try PluginGateway("bot-detection")
        let curl = ["User-Agent: curl/8.0"]
        #expect(plugin.ask("GET", "/a", curl)?.status == 200)
        var entities = TestEntities.proxying([plugin.origin.port])
        var stricter = Plugin(
            id: EntityID(high: 9, low: 0),
            name: "bot-detection",
            config: .record(["deny": .strings("^curl")])
        )
        stricter.route = TestEntities.routeID
        entities.plugins = EntityList([stricter])
        try plugin.gateway.install(entities, version: 2)
        #expect(plugin.ask("GET", "/a", curl)?.status == 403)
    }

    @Test("bot-detection takes what is allowed before what is denied")
    func ownRobots() throws {
        let plugin = try PluginGateway(
            "bot-detection",
            ["allow": .strings("Googlebot"), "deny": .strings("^curl")]
        )
        #expect(plugin.ask("GET", "/a", ["User-Agent: Googlebot/2.1"])?.status == 200)
        #expect(plugin.ask("GET", "/a", ["User-Agent: curl/8.0"])?.status == 403)
    }

    @Test("request-size-limiting refuses an announced length, and asks for one")
    func announced() throws {
        let plugin = try PluginGateway(
            "request-size-limiting",
            ["allowed_payload_size": .integer(5), "size_unit": .string("bytes")]
        )
        #expect(plugin.ask("POST", "/a", ["Content-Length: 5"], body: "12345")?.status == 200)
        let tooLong = try #require(
            plugin.ask("POST", "/a", ["Content-Length: 6"], body: "123456")
        )
        #expect(tooLong.status == 413)
        #expect(tooLong.text.contains("Request size limit exceeded"))
        let expecting = plugin.ask("POST", "/a", ["Content-Length: 6", "Expect: 100-continue"])
        #expect(expecting?.status == 417)
        let strict = try PluginGateway(
            "request-size-limiting",
            ["require_content_length": .bool(true)]
        )
        let answer = strict.ask(
            "POST",
            "/a",
            ["Transfer-Encoding: chunked"],
            body: "1\r\na\r\n0\r\n\r\n"
        )
        #expect(answer?.status == 411)
    }

    @Test("request-size-limiting counts what comes without a length", arguments: [true, false])
    func counted(isBuffered: Bool) throws {
        let plugin = try PluginGateway(
            "request-size-limiting",
            ["allowed_payload_size": .integer(1), "size_unit": .string("kilobytes")],
            change: { _, route in route.requestBuffering = isBuffered }
        )
        let piece = "200\r\n" + String(repeating: "a", count: 512) + "\r\n"
        let fits = plugin.ask(
            "POST",
            "/a",
            ["Transfer-Encoding: chunked"],
            body: piece + piece + "0\r\n\r\n"
        )
        #expect(fits?.status == 200)
        let tooLong = plugin.ask(
            "POST",
            "/a",
            ["Transfer-Encoding: chunked"],
            body: piece + piece + "1\r\nb\r\n0\r\n\r\n"
        )
        #expect(tooLong?.status == 413)
    }

    @Test("redirect sends clients to another place, with their path if it shall")
    func redirects() throws {
        let plugin = try PluginGateway("redirect", ["location": .string("https://b.example/x?y")])
        let answer = try #require(plugin.ask())
        #expect(answer.status == 301)
        #expect(answer["location"] == "https://b.example/x?y")
        #expect(answer.text == "redirecting")
        let keeping = try PluginGateway(
            "redirect",
            [
                "location": .string("https://b.example:8443/x?y"),
                "status_code": .integer(308), "keep_incoming_path": .bool(true),
            ]
        )
        let kept = try #require(keeping.ask("GET", "/p/q?a=1"))
        #expect(kept.status == 308)
        #expect(kept["location"] == "https://b.example:8443/p/q?a=1")
    }
}
