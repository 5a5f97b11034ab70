import CMeshSystem
import Glibc
import MeshEntities
import Synchronization
import Testing

@testable import MeshDataPlane
@testable import MeshPlugins

@Suite("Log plugins on the wire (Kong 3.9, kong/pdk/log.lua and the log plugins)")
struct LogPluginTests {
    private static func lines(of path: String) -> [String] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n")
            .map(String.init)
    }

    private static func object(_ text: String) throws -> DocumentValue {
        try JSONText.parse(Array(text.utf8)).value
    }

    private static func path(_ name: String) -> String {
        "\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/\(name)-\(getpid()).log"
    }

    @Test("file-log appends Kong's object, without what authorizes")
    func file() throws {
        let path = Self.path("file-log")
        defer { unlink(path) }
        let plugin = try PluginGateway("file-log", ["path": .string(path)])
        let answer = try #require(
            plugin.ask(
                "GET",
                "/a/b?x=1&y&x=2",
                ["Authorization: Basic c2VjcmV0", "X-One: \"1\"", "X-Two: a", "X-Two: b"]
            )
        )
        #expect(answer.status == 200)
        let line = try #require(awaited { Self.lines(of: path).first })
        let entry = try Self.object(line)
        let request = try #require(entry["request"])
        #expect(request["method"]?.text == "GET")
        #expect(request["uri"]?.text == "/a/b?x=1&y&x=2")
        #expect(request["url"]?.text == "http://a:\(plugin.gateway.port)/a/b?x=1&y&x=2")
        #expect(request["id"]?.text?.utf8.count == 32)
        #expect(request["querystring"]?["x"] == .list([.string("1"), .string("2")]))
        #expect(request["querystring"]?["y"] == .bool(true))
        #expect(request["headers"]?["authorization"]?.text == "REDACTED")
        #expect(request["headers"]?["x-one"]?.text == "\"1\"")
        #expect(request["headers"]?["x-two"] == .list([.string("a"), .string("b")]))
        #expect(!line.contains("c2VjcmV0"))
        #expect(entry["upstream_uri"]?.text == "/a/b?x=1&y&x=2")
        #expect(entry["upstream_status"]?.text == "200")
        #expect(entry["response"]?["status"] == .integer(200))
        #expect(entry["response"]?["headers"]?["content-type"]?.text == "text/plain")
        #expect(entry["source"]?.text == "upstream")
        #expect(entry["client_ip"]?.text == "127.0.0.1")
        #expect(entry["route"]?["name"]?.text == "all")
        #expect(entry["service"]?["name"]?.text == "shop")
        #expect(entry["tries"]?.elements?.first?["port"] == .integer(Int64(plugin.origin.port)))
        for name in ["kong", "proxy", "request", "receive"] {
            #expect(entry["latencies"]?[name] != nil)
        }
        #expect(entry["workspace_name"]?.text == "default")
    }

    @Test("tell who was authenticated, and by which credential")
    func authenticated() throws {
        let path = Self.path("file-log-consumer")
        defer { unlink(path) }
        let gateway = try ProtectedGateway([
            .named("key-auth"), .named("file-log", ["path": .string(path)], number: 2),
        ])
        #expect(gateway.ask(key: "ann-key")?.status == 200)
        let line = try #require(awaited { Self.lines(of: path).first })
        let entry = try Self.object(line)
        let keyID = ProtectedGateway.keyID.description
        #expect(entry["authenticated_entity"]?["id"]?.text == keyID)
        #expect(entry["consumer"]?["id"]?.text == ProtectedGateway.annID.description)
        #expect(entry["consumer"]?["username"]?.text == "ann")
        #expect(entry["consumer"]?["custom_id"]?.text == "42")
    }

    @Test("tell of what other plugins answer")
    func refused() throws {
        let path = Self.path("refused-log")
        defer { unlink(path) }
        let plugin = try PluginGateway([
            ("file-log", .record(["path": .string(path), "reopen": .bool(true)])),
            ("ip-restriction", .record(["deny": .strings("127.0.0.1")])),
        ])
        #expect(plugin.ask()?.status == 403)
        let entry = try Self.object(try #require(awaited { Self.lines(of: path).first }))
        #expect(entry["source"]?.text == "kong")
        #expect(entry["response"]?["status"] == .integer(403))
        #expect(entry["upstream_uri"] == nil)
        #expect(entry["latencies"]?["proxy"] == .integer(-1))
    }

    @Test("http-log posts entries one by one, and repeats what was refused")
    func http() throws {
        let count = Atomic<Int>(0)
        let collector = Origin.answering { _ in
            let number = count.wrappingAdd(1, ordering: .relaxed).oldValue
            return number == 0
                ? "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
                : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        }
        let plugin = try PluginGateway(
            "http-log",
            [
                "http_endpoint": .string("http://u:p@127.0.0.1:\(collector.port)/in?k=1"),
                "headers": .record(["X-Token": .string("t")]),
            ]
        )
        for _ in 0..<2 { #expect(plugin.ask()?.status == 200) }
        let messages = try #require(
            awaited { collector.messages.count >= 3 ? collector.messages : nil }
        )
        #expect(messages[0].startLine == "POST /in?k=1 HTTP/1.1")
        #expect(messages[0]["authorization"] == "Basic dTpw")
        #expect(messages[0]["content-type"] == "application/json")
        #expect(messages[0]["x-token"] == "t")
        #expect(messages[0].text == messages[1].text)
        #expect(try Self.object(messages[2].text)["request"]?["method"]?.text == "GET")
        #expect(collector.connections == 1)
    }

    @Test("http-log sends batches as one array")
    func batches() throws {
        let collector = Origin.answering { _ in "HTTP/1.1 204 No Content\r\n\r\n" }
        let plugin = try PluginGateway(
            "http-log",
            [
                "http_endpoint": .string("http://127.0.0.1:\(collector.port)"),
                "queue": .record([
                    "max_batch_size": .integer(3), "max_coalescing_delay": .number(600),
                ]),
            ]
        )
        for _ in 0..<3 { #expect(plugin.ask()?.status == 200) }
        let message = try #require(awaited { collector.messages.first })
        #expect(try Self.object(message.text).elements?.count == 3)
    }

    @Test("a dead endpoint costs requests nothing; what has no room is dropped and counted")
    func dead() throws {
        let plugin = try PluginGateway(
            "http-log",
            [
                "http_endpoint": .string("http://127.0.0.1:\(Origin.deadPort())"),
                "queue": .record(["max_entries": .integer(2)]),
            ]
        )
        for _ in 0..<10 { #expect(plugin.ask()?.status == 200) }
        let dropped = awaited { () -> UInt64? in
            let count = plugin.gateway.plane.counters().droppedLogLines
            return count > 0 ? count : nil
        }
        #expect((dropped ?? 0) >= 7)
    }

    @Test("a queue is full when the shortest entry finds no room", arguments: [true, false])
    func full(byNumber: Bool) {
        var rules = LogDeliveryRules()
        if byNumber { rules.entryLimit = 2 } else { rules.byteLimit = 2 }
        let plan = LogPlan(
            EntityID(high: 1, low: 1),
            .udp(host: "127.0.0.1", port: 9),
            rules
        )
        let queue = LogQueue(plan)
        for _ in 0..<2 {
            #expect(!queue.isFull)
            #expect(queue.append([1], status: 200))
        }
        #expect(queue.isFull)
        #expect(!queue.append([1], status: 200))
        _ = queue.take(1)
        #expect(!queue.isFull)
    }

    @Test("tcp-log sends lines over one connection, udp-log datagrams")
    func sockets() throws {
        let received = Mutex<[String]>([])
        let server = Origin { _, socket, _ in
            while let line = socket.receive(through: "\r\n") {
                received.withLock { $0.append(line) }
            }
        }
        var address = mesh_address(high: 0, low: 0x7F00_0001, port: 0, family: 4)
        let datagrams = mesh_datagram_listen(&address, 0)
        defer { close(datagrams) }
        _ = mesh_local_address(datagrams, &address)
        let plugin = try PluginGateway([
            (
                "tcp-log",
                .record(["host": .string("localhost"), "port": .integer(Int64(server.port))])
            ),
            (
                "udp-log",
                .record(["host": .string("127.0.0.1"), "port": .integer(Int64(address.port))])
            ),
        ])
        for _ in 0..<2 { #expect(plugin.ask()?.status == 200) }
        let lines = try #require(
            awaited { received.withLock { $0.count >= 2 ? $0 : nil } }
        )
        #expect(server.connections == 1)
        #expect(try Self.object(lines[1])["source"]?.text == "upstream")
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = try #require(
            awaited { () -> Int? in
                let count = mesh_receive(datagrams, &bytes, bytes.count)
                return count > 0 ? count : nil
            }
        )
        #expect(try Self.object(String(decoding: bytes[..<count], as: UTF8.self))["route"] != nil)
    }
}
