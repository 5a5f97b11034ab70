import Glibc
import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("request-termination on the wire (§6.6)")
struct RequestTerminationEchoTests {
    private func object(_ answer: TestMessage?) throws -> DocumentValue {
        try JSONText.parse(#require(answer).body).value
    }

    @Test("with echo tells what the request was, who answers, and the route and service matched")
    func echo() throws {
        let plugin = try PluginGateway("request-termination", ["echo": .bool(true)])
        let answer = plugin.ask("GET", "/a/./b?x=1&y&x=2", ["X-One: a", "X-Two: b", "X-Two: c"])
        #expect(answer?.status == 503)
        #expect(answer?["content-type"] == "application/json; charset=utf-8")
        let told = try self.object(answer)
        #expect(told["message"]?.text == "Service unavailable")
        #expect(told["kong"]?["worker_pid"] == .integer(Int64(getpid())))
        #expect(told["kong"]?["hostname"]?.text?.isEmpty == false)
        #expect(told["kong"]?["node_id"]?.text != nil)
        let request = try #require(told["request"])
        #expect(request["scheme"]?.text == "http")
        #expect(request["host"]?.text == "a")
        #expect(request["port"] == .integer(Int64(plugin.gateway.port)))
        #expect(request["method"]?.text == "GET")
        #expect(request["path"]?.text == "/a/b")
        #expect(request["query"]?["x"] == .list([.string("1"), .string("2")]))
        #expect(request["query"]?["y"] == .bool(true))
        #expect(request["headers"]?["x-one"]?.text == "a")
        #expect(request["headers"]?["x-two"] == .list([.string("b"), .string("c")]))
        #expect(request["body"] == nil)
        #expect(request["raw_body"]?.text?.isEmpty == true)
        #expect(told["matched_route"]?["name"]?.text == "all")
        #expect(told["matched_service"]?["name"]?.text == "shop")
        #expect(plugin.origin.messages.isEmpty)
    }

    @Test(
        "with echo tells the body as it came, and its fields",
        arguments: [
            ("application/json", #"{"a": [1, null]}"#, #"{"a":[1,null]}"#),
            ("application/x-www-form-urlencoded", "a=1&b=x%20y", #"{"a":"1","b":"x y"}"#),
            ("application/json", #"[1, {"a": 2}]"#, #"[1,{"a":2}]"#),
            ("application/json", "1", nil),
            ("text/plain", "a \"text\"", nil),
        ] as [(String, String, String?)]
    )
    func bodies(type: String, body: String, fields: String?) throws {
        let plugin = try PluginGateway(
            "request-termination",
            ["echo": .bool(true), "status_code": .integer(200), "message": .string("hi")]
        )
        let length = "Content-Length: \(body.utf8.count)"
        let answer = plugin.ask("POST", "/a", ["Content-Type: \(type)", length], body: body)
        #expect(answer?.status == 200)
        let told = try self.object(answer)
        #expect(told["message"]?.text == "hi")
        #expect(told["request"]?["raw_body"]?.text == body)
        #expect(told["request"]?["body"]?.json == fields)
    }

    @Test("with echo tells the host in lower case")
    func host() throws {
        let plugin = try PluginGateway("request-termination", ["echo": .bool(true)])
        let answer = plugin.gateway.ask("GET / HTTP/1.1\r\nHost: Shop.Example\r\n\r\n")
        #expect(try self.object(answer)["request"]?["host"]?.text == "shop.example")
    }

    @Test("with echo and a trigger answers only requests that have it")
    func trigger() throws {
        let plugin = try PluginGateway(
            "request-termination",
            ["echo": .bool(true), "trigger": .string("X-Stop"), "status_code": .integer(200)]
        )
        #expect(plugin.ask()?["content-type"] == "text/plain")
        for (target, lines) in [("/a", ["x-stop: 1"]), ("/a?X-Stop", [])] {
            let told = try self.object(plugin.ask("GET", target, lines))
            #expect(told["request"]?["path"]?.text == "/a")
        }
    }
}
