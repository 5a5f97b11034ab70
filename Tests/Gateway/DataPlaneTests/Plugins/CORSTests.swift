import MeshEntities
import Testing

@Suite("cors on the wire (Kong 3.9, kong/plugins/cors)")
struct CORSTests {
    private static let preflight = [
        "Origin: https://app.example", "Access-Control-Request-Method: PUT",
        "Access-Control-Request-Headers: x-one, x-two",
    ]

    @Test("answers a preflight 200 without a body and without the target")
    func preflight() throws {
        let plugin = try PluginGateway("cors", ["max_age": .integer(3_600)])
        let answer = try #require(plugin.ask("OPTIONS", "/a", Self.preflight))
        #expect(answer.status == 200)
        #expect(answer.text.isEmpty)
        #expect(answer["access-control-allow-origin"] == "*")
        #expect(
            answer["access-control-allow-methods"]
                == "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT"
        )
        #expect(answer["access-control-allow-headers"] == "x-one, x-two")
        #expect(answer["access-control-max-age"] == "3600")
        #expect(answer["vary"] == nil)
        #expect(plugin.origin.requests.isEmpty)
    }

    @Test("lists configured methods and headers, comma without a space")
    func lists() throws {
        let plugin = try PluginGateway(
            "cors",
            ["methods": .strings("GET", "POST"), "headers": .strings("A", "B")]
        )
        let answer = try #require(plugin.ask("OPTIONS", "/a", Self.preflight))
        #expect(answer["access-control-allow-methods"] == "GET,POST")
        #expect(answer["access-control-allow-headers"] == "A,B")
    }

    @Test("lets an OPTIONS request that is no preflight pass, and one that shall continue")
    func noPreflight() throws {
        let plugin = try PluginGateway("cors")
        let plain = try #require(plugin.ask("OPTIONS", "/a", ["Origin: https://app.example"]))
        #expect(plain.text.hasPrefix("OPTIONS /a"))
        let continuing = try PluginGateway("cors", ["preflight_continue": .bool(true)])
        let answer = try #require(continuing.ask("OPTIONS", "/a", Self.preflight))
        #expect(answer.text.hasPrefix("OPTIONS /a"))
        #expect(answer["access-control-allow-origin"] == nil)
    }

    @Test(
        "names the origin that matches, or none",
        arguments: [
            (["https://app.example"], "https://other.example", "https://app.example"),
            (["https://app.example", "http://b"], "https://app.example", "https://app.example"),
            (
                ["https://app.example", "http://b"], "https://app.example:443",
                "https://app.example"
            ),
            (["https://app.example", "http://b"], "https://app.example:444", nil),
            (["https://app.example", "http://b"], "https://evil.example", nil),
            (
                ["http://b", #"(.*\.)?app\.example"#], "https://x.app.example",
                "https://x.app.example"
            ),
            ([#"(.*\.)?app\.example"#], "https://app.example.evil", nil),
            ([#"^https://[a-z]+\.example$"#], "https://app.example", "https://app.example"),
            ([#"^https://[a-z]+\.example$"#], "http://app.example", nil),
            (["http://b", "*"], "https://any.example", "*"),
        ] as [([String], String, String?)]
    )
    func origins(configured: [String], sent: String, expected: String?) throws {
        let plugin = try PluginGateway(
            "cors",
            ["origins": .list(configured.map { .string($0) })]
        )
        let answer = try #require(plugin.ask("GET", "/a", ["Origin: \(sent)"]))
        #expect(answer.status == 200)
        #expect(answer["access-control-allow-origin"] == expected)
        #expect(answer["vary"] == "Origin")
    }

    @Test("with credentials names whoever asks in place of the star")
    func credentials() throws {
        let plugin = try PluginGateway(
            "cors",
            ["credentials": .bool(true), "exposed_headers": .strings("X-A", "X-B")]
        )
        let answer = try #require(plugin.ask("GET", "/a", ["Origin: https://app.example"]))
        #expect(answer["access-control-allow-origin"] == "https://app.example")
        #expect(answer["access-control-allow-credentials"] == "true")
        #expect(answer["access-control-expose-headers"] == "X-A,X-B")
        let absent = try #require(plugin.ask())
        #expect(absent["access-control-allow-origin"] == "*")
        #expect(absent["access-control-allow-credentials"] == nil)
    }

    @Test("says nothing without an origin when allow_origin_absent is false")
    func absent() throws {
        let plugin = try PluginGateway("cors", ["allow_origin_absent": .bool(false)])
        #expect(plugin.ask()?["access-control-allow-origin"] == nil)
    }

    @Test("puts its fields in the place of the target's")
    func replaces() throws {
        let plugin = try PluginGateway(
            "cors",
            ["origins": .strings("https://app.example")],
            answer: { _ in
                "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\nVary: Accept\r\n\r\n"
            }
        )
        let answer = try #require(plugin.ask())
        #expect(answer["access-control-allow-origin"] == "https://app.example")
        #expect(answer["vary"] == "Accept|Origin")
    }
}
