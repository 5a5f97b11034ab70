import MeshEntities
import Testing

@Suite("Transformers on the wire (Kong 3.9, request- and response-transformer)")
struct TransformerTests {
    @Test("request-transformer edits fields in Kong's order")
    func headers() throws {
        let plugin = try PluginGateway(
            "request-transformer",
            [
                "remove": .record(["headers": .strings("X-Gone")]),
                "rename": .record(["headers": .strings("X-Old:X-New", "X-None:X-Other")]),
                "replace": .record(["headers": .strings("x-here:new", "X-Nowhere:no")]),
                "add": .record(["headers": .strings("X-New:no", "X-More:a:b")]),
                "append": .record(["headers": .strings("X-More:$(headers.x_user)")]),
            ]
        )
        let answer = try #require(
            plugin.ask(
                "GET",
                "/a",
                ["X-Gone: 1", "X-Old: 2", "X-Here: 3", "X-Here: 4", "X-User: ada"]
            )
        )
        let lines = answer.text.split(separator: "\n").filter { $0.hasPrefix("x-") }
        #expect(!answer.text.contains("x-gone"))
        #expect(!answer.text.contains("x-old"))
        #expect(!answer.text.contains("x-nowhere"))
        #expect(!answer.text.contains("x-other"))
        #expect(lines.filter { $0.hasPrefix("x-new") } == ["x-new: 2"])
        #expect(lines.filter { $0.hasPrefix("x-here") } == ["x-here: new"])
        #expect(lines.filter { $0.hasPrefix("x-more") } == ["x-more: a:b", "x-more: ada"])
    }

    @Test("request-transformer replaces host, method, path and query, with templates")
    func target() throws {
        let plugin = try PluginGateway(
            "request-transformer",
            [
                "http_method": .string("PUT"),
                "replace": .record([
                    "uri": .string("/v2/$(uri_captures.user)/$(uri_captures[2])"),
                    "headers": .strings("Host:inner.example"),
                    "querystring": .strings("a:$(query_params.b or 'none')"),
                ]),
                "remove": .record(["querystring": .strings("b")]),
                "add": .record(["querystring": .strings("c:x y")]),
            ],
            change: { _, route in route.paths = ["~/users/(?<user>[a-z]+)/(.*)$"] }
        )
        let answer = try #require(
            plugin.ask("POST", "/users/ada/cats?a=1&b=2", ["Content-Length: 0"])
        )
        #expect(answer.text.hasPrefix("PUT /v2/ada/cats?a=2&c=x%20y HTTP/1.1\n"))
        #expect(answer.text.contains("host: inner.example"))
    }

    @Test(
        "request-transformer changes JSON and forms as a whole, with the right length",
        arguments: [true, false]
    )
    func bodies(isChunked: Bool) throws {
        let plugin = try PluginGateway(
            "request-transformer",
            [
                "remove": .record(["body": .strings("gone")]),
                "rename": .record(["body": .strings("old:new")]),
                "replace": .record(["body": .strings("here:$(headers['x-user'] or 'x')x")]),
                "add": .record(["body": .strings("more:$(query_params.q)")]),
                "append": .record(["body": .strings("list:two")]),
            ]
        )
        func send(_ type: String, _ body: String) throws -> TestMessage {
            let framing =
                isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(body.utf8.count)"
            let chunk = "\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
            return try #require(
                plugin.ask(
                    "POST",
                    "/a?q=1",
                    ["Content-Type: \(type)", framing],
                    body: isChunked ? chunk : body
                )
            )
        }
        let json = try send(
            "application/json",
            #"{"gone":1,"old":{"a":[1]},"here":2,"list":"one"}"#
        )
        let expected = #"{"here":"xx","list":["one","two"],"new":{"a":[1]},"more":"1"}"#
        #expect(json.text.hasSuffix("\n\n" + expected))
        #expect(json.text.contains("content-length: \(expected.utf8.count)\n"))
        let form = try send("application/x-www-form-urlencoded", "gone=1&old=2&here=3&list=one")
        #expect(form.text.hasSuffix("\n\nnew=2&here=xx&list=one&more=1&list=two"))
        let broken = try send("application/json", "{nonsense")
        #expect(broken.text.hasSuffix("\n\n{nonsense"))
        let other = try send("text/plain", "gone=1")
        #expect(other.text.hasSuffix("\n\ngone=1"))
        let part = { (name: String, value: String) in
            "--Xy\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n"
        }
        let file =
            "--Xy\r\nContent-Disposition: form-data; filename=\"gone\"; name=f\r\n"
            + "Content-Type: text/plain\r\n\r\n--X\r\n\r\n"
        let sent =
            part("gone", "1") + file + part("old", "2") + part("here", "3") + part("gone", "4")
            + "--Xy--\r\n"
        let kept =
            file + part("new", "2") + part("here", "xx") + part("more", "1") + part("list", "two")
            + "--Xy--\r\n"
        let parts = try send("multipart/form-data; Boundary=\"Xy\"", sent)
        #expect(parts.text.hasSuffix("\n\n" + kept))
        #expect(parts.text.contains("content-length: \(kept.utf8.count)\n"))
        for broken in ["--x", "--x\r\n\r\ngone=1\r\n", "gone"] {
            #expect(try send("multipart/form-data; boundary=x", broken).status == 400)
        }
    }

    @Test("response-transformer edits fields and JSON")
    func responses() throws {
        let plugin = try PluginGateway(
            "response-transformer",
            [
                "remove": .record(["headers": .strings("X-Gone"), "json": .strings("gone")]),
                "rename": .record(["headers": .strings("X-Old:X-New"), "json": .strings("old:new")]
                ),
                "replace": .record(["headers": .strings("X-Here:new")]),
                "add": .record([
                    "headers": .strings("X-More:1"), "json": .strings("n:5", "t:true", "s:x"),
                    "json_types": .strings("number", "boolean", "string"),
                ]),
                "append": .record(["headers": .strings("X-More:2"), "json": .strings("list:b")]),
            ],
            answer: { request in
                let isJSON = request.target == "/json"
                let body = isJSON ? #"{"gone":1,"old":2,"list":["a"]}"# : "gone"
                return
                    "HTTP/1.1 200 OK\r\nContent-Type: \(isJSON ? "application/json" : "text/plain")"
                    + "\r\nX-Gone: 1\r\nX-Old: 2\r\nX-Here: 3\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n" + body
            }
        )
        let json = try #require(plugin.ask("GET", "/json"))
        #expect(json.text == #"{"list":["a","b"],"new":2,"n":5,"t":true,"s":"x"}"#)
        #expect(json["x-gone"] == nil)
        #expect(json["x-old"] == nil)
        #expect(json["x-new"] == "2")
        #expect(json["x-here"] == "new")
        #expect(json["x-more"] == "1|2")
        let text = try #require(plugin.ask("GET", "/text"))
        #expect(text.text == "gone")
        #expect(text["content-length"] == "4")
    }

    @Test("response-transformer takes long JSON in as a whole")
    func longResponse() throws {
        let long = String(repeating: "a", count: 700_000)
        let plugin = try PluginGateway(
            "response-transformer",
            ["add": .record(["json": .strings("more:1")])],
            answer: { _ in
                let body = "{\"long\":\"\(long)\"}"
                return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n" + body
            }
        )
        let answer = try #require(plugin.ask())
        #expect(answer.text == "{\"long\":\"\(long)\",\"more\":\"1\"}")
    }
}
