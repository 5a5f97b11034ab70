import MeshEntities
import Testing

@Suite("Settings of plugins that change what goes over the wire (§6.6)")
struct PluginSettingTests {
    @Test("cors lets public pages ask private networks where it is told to, and where it is asked")
    func privateNetwork() throws {
        let asked = "Access-Control-Request-Private-Network: true"
        for isAllowed in [false, true] {
            let plugin = try PluginGateway("cors", ["private_network": .bool(isAllowed)])
            for field in [asked, "Access-Control-Request-Private-Network: false"] {
                let answer = try #require(
                    plugin.ask(
                        "OPTIONS",
                        "/a",
                        ["Origin: https://a.example", "Access-Control-Request-Method: PUT", field]
                    )
                )
                #expect(answer.status == 200)
                #expect(
                    answer["access-control-allow-private-network"]
                        == (isAllowed && field == asked ? "true" : nil)
                )
            }
        }
    }

    @Test(
        "proxy-cache tells addresses apart by case, unless it shall not",
        arguments: [false, true]
    )
    func addressCase(isIgnored: Bool) throws {
        let plugin = try PluginGateway(
            "proxy-cache",
            ["strategy": .string("memory"), "ignore_uri_case": .bool(isIgnored)]
        )
        #expect(plugin.ask("GET", "/Some/Where")?["x-cache-status"] == "Miss")
        let second = plugin.ask("GET", "/some/wherE")
        #expect(second?["x-cache-status"] == (isIgnored ? "Hit" : "Miss"))
        #expect(plugin.ask("GET", "/Some/Where")?["x-cache-status"] == "Hit")
    }

    @Test("request-size-limiting says what it misses")
    func length() throws {
        let strict = try PluginGateway(
            "request-size-limiting",
            ["require_content_length": .bool(true)]
        )
        let answer = try #require(
            strict.ask(
                "POST",
                "/a",
                ["Transfer-Encoding: chunked"],
                body: "1\r\na\r\n0\r\n\r\n"
            )
        )
        #expect(answer.status == 411)
        #expect(answer.text.contains("\"message\":\"A valid Content-Length header is required\""))
        #expect(strict.origin.requests.isEmpty)
    }
}
