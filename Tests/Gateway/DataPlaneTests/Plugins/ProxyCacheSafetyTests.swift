import MeshEntities
import Testing

@testable import MeshDataPlane
@testable import MeshPlugins

@Suite("proxy-cache hands nobody what is not his")
struct ProxyCacheSafetyTests {
    private static let cache: (name: String, config: DocumentValue) = (
        "proxy-cache", .record(["strategy": .string("memory")])
    )
    private static let adding: (name: String, config: DocumentValue) = (
        "response-transformer", .record(["add": .record(["json": .strings("a:1")])])
    )
    private let sockets = WebSocketOverHTTP2Tests()

    private static func answer(
        _ body: String,
        _ type: String = "text/plain",
        status: String = "200 OK",
        lines: String = ""
    ) -> String {
        "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\n\(lines)"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test("keeps no answer to an extended CONNECT, and none of the client's bytes in it")
    func tunnelBytes() throws {
        for plugins in [[Self.cache], [Self.cache, Self.adding]] {
            let hasSent = Signal()
            let plugin = try PluginGateway(plugins) { _ in
                hasSent.wait()
                return Self.answer("{}", "application/json", status: "404 Not Found")
            }
            let client = self.sockets.connect(plugin.gateway)
            let evil = Array("evil".utf8)
            client.send(WebSocketOverHTTP2Tests.Frame(type: 0, stream: 1, payload: evil).bytes)
            hasSent.set()
            #expect(self.sockets.next(1, client).map(self.sockets.status) == 0x8D, ":status 404")
            let body = plugins.count == 1 ? "{}" : "{\"a\":\"1\"}"
            #expect(self.sockets.next(0, client)?.payload == Array(body.utf8))
            let answer = plugin.ask("GET", "/ws")
            #expect(answer?["x-cache-status"] == "Miss")
            #expect(answer?.text == body)
        }
    }

    @Test("says no WebSocket open that no target has opened (RFC 8441 section 5)")
    func falseTunnel() throws {
        let cached = try PluginGateway([Self.cache]) { _ in Self.answer("a") }
        for status in ["Miss", "Hit"] {
            #expect(cached.ask("GET", "/ws")?["x-cache-status"] == status)
        }
        let ended = try PluginGateway("request-termination", ["status_code": .integer(200)])
        for gateway in [cached.gateway, ended.gateway] {
            let head = self.sockets.next(1, self.sockets.connect(gateway))
            #expect(head != nil)
            #expect(head.map(self.sockets.status) != 0x88, ":status 200")
        }
        let upgrade = ["Connection: upgrade", "Upgrade: websocket"]
        #expect(cached.ask("GET", "/ws", upgrade)?["x-cache-status"] == "Bypass")
    }

    @Test(
        "sets apart requests that targets can tell apart",
        arguments: [
            ("/a?admin=1%26q%3Da", "/a?admin=1&q=a"), ("/a?b", "/a?b="), ("/a", "/a?=1"),
            ("/a?b=1+2", "/a?b=1%202"), ("/a?b=1&b=2", "/a?b=2&b=1"),
        ]
    )
    func arguments(one: String, other: String) throws {
        let plugin = try PluginGateway([Self.cache])
        #expect(plugin.ask("GET", one)?["x-cache-status"] == "Miss")
        #expect(plugin.ask("GET", other)?["x-cache-status"] == "Miss")
        #expect(plugin.ask("GET", one)?["x-cache-status"] == "Hit")
    }

    @Test("sets apart values of fields, and what Vary names behind a tab")
    func fields() throws {
        let plugin = try PluginGateway([Self.cache]) { _ in
            Self.answer("a", lines: "Vary: X-A,\tX-B\r\n")
        }
        for lines in [["X-A: 1", "X-A: 2"], ["X-A: 1=2"], ["X-B: 1"], ["X-B: 2"]] {
            #expect(plugin.ask("GET", "/a", lines)?["x-cache-status"] == "Miss", "\(lines)")
        }
    }

    @Test("lets nobody see what a service told the target of somebody")
    func told() throws {
        let service = Origin.answering { request in
            let user = request["cookie"] ?? ""
            return "HTTP/1.1 200 OK\r\nX-User: \(user)\r\nContent-Length: 0\r\n\r\n"
        }
        let config: DocumentValue = .record([
            "url": .string("http://127.0.0.1:\(service.port)/"),
            "response_headers": .strings("X-User"),
        ])
        let plugin = try PluginGateway([("ext-auth", config), Self.cache])
        for user in ["ann", "bob"] {
            let answer = plugin.ask("GET", "/a", ["Cookie: \(user)"])
            #expect(answer?.text.contains("x-user: \(user)") == true)
            #expect(answer?["x-cache-status"] == "Bypass")
        }
    }

    @Test("keeps what the client got, not what another step would have made of it")
    func seen() throws {
        let plain = try PluginGateway([Self.cache, Self.adding]) { _ in Self.answer("{}") }
        let changed = try PluginGateway([Self.cache, Self.adding]) { _ in
            Self.answer("{}", "application/json")
        }
        for (plugin, body) in [(plain, "{}"), (changed, "{\"a\":\"1\"}")] {
            for status in ["Miss", "Hit"] {
                let answer = plugin.ask()
                #expect(answer?["x-cache-status"] == status)
                #expect(answer?.text == body)
            }
        }
    }

    @Test("keeps nothing too long, whoever takes it in, and forgets heads without their bodies")
    func tooLong() async throws {
        for plugins in [[Self.cache], [Self.cache, Self.adding]] {
            let plugin = try PluginGateway(plugins) { request in
                let size = request.target == "/cut" ? 0x100 : 0x1_8000
                let text = "[\"" + String(repeating: "a", count: size - 4) + "\"]"
                let end = request.target == "/cut" ? "x\r\n" : "0\r\n\r\n"
                return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n"
                    + "\(String(size, radix: 16))\r\n\(text)\r\n\(end)"
            }
            for _ in 0..<2 { #expect(plugin.ask("GET", "/long")?["x-cache-status"] == "Miss") }
            _ = plugin.ask("GET", "/cut")
            #expect(plugin.ask("GET", "/cut")?["x-cache-status"] != "Hit")
            #expect(plugin.origin.messages.count == 4)
            let plane = plugin.gateway.plane
            #expect(await eventually { plane.answers.pendingCount == 0 })
        }
    }

    @Test("keeps no answer to HEAD of which nobody has told the length")
    func head() throws {
        let plugin = try PluginGateway([Self.cache]) { _ in
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n"
        }
        for _ in 0..<2 { #expect(plugin.ask("HEAD")?["x-cache-status"] == "Bypass") }
    }
}
