import CMeshSystem
import Foundation
import MeshEntities
import MeshHTTP
import Testing

@testable import MeshDataPlane

@Suite("Log plugins on streams (Kong 3.9, kong/pdk/log.lua)")
struct StreamLogTests {
    private static func echo() -> Origin {
        Origin { origin, socket, _ in
            origin.note("CONNECTED / x")
            while let bytes = socket.receive() { socket.send(bytes + bytes) }
        }
    }

    /// A gateway whose one stream route has log plugins.
    private static func gateway(
        _ port: UInt16,
        _ transport: GatewayProtocol,
        _ plugins: [(name: String, config: DocumentValue)],
        protocols: [GatewayProtocol]? = nil
    ) throws -> Gateway {
        var entities = TestEntities.proxying([port]) { service, route in
            service.protocol = transport == .udp ? .udp : .tcp
            if transport == .udp { service.readTimeout = 100 }
            route.protocols = [transport]
            route.paths = []
            if transport == .tls || transport == .tlsPassthrough {
                route.snis = ["a.test"]
            } else {
                route.destinations = [Route.Peer(ip: "127.0.0.1")]
            }
        }
        entities.plugins = EntityList(
            plugins.enumerated().map { index, one in
                var plugin = Plugin(
                    id: EntityID(high: 9, low: UInt64(index + 1)),
                    name: one.name,
                    config: one.config
                )
                plugin.protocols = protocols ?? [transport]
                return plugin
            }
        )
        let kind: StreamListener.Kind =
            switch transport {
            case .udp: .udp
            case .tls, .tlsPassthrough: .tls
            default: .tcp
            }
        return try Gateway(entities) {
            $0.streamListen = [StreamListener($0.listen[0], kind: kind)]
            $0.tls.defaultCertificate = TestCertificate.fallback.text
        }
    }

    private static func entries(_ collector: Origin) throws -> [DocumentValue] {
        try collector.messages.map { try JSONText.parse(Array($0.text.utf8)).value }
    }

    /// A collector of `http-log`, and the plugin that tells it.
    private static func collector() -> (origin: Origin, plugin: (String, DocumentValue)) {
        let origin = Origin.answering { _ in "HTTP/1.1 204 No Content\r\n\r\n" }
        let endpoint = "http://127.0.0.1:\(origin.port)/in"
        return (origin, ("http-log", .record(["http_endpoint": .string(endpoint)])))
    }

    @Test("tell of a connection once, when it is over, in Kong's form")
    func connection() throws {
        let (target, log) = (Self.echo(), Self.collector())
        let gateway = try Self.gateway(target.port, .tcp, [log.plugin])
        var client: StreamSocket? = StreamSocket(port: gateway.tlsPort)
        client?.send("hello")
        #expect(client?.receive(exactly: 10) == Array("hellohello".utf8))
        #expect(log.origin.messages.isEmpty)
        client = nil
        let entry = try #require(awaited { try? Self.entries(log.origin).first })
        let session = try #require(entry["session"])
        #expect(session["received"] == .integer(5))
        #expect(session["sent"] == .integer(10))
        #expect(session["status"] == .integer(200))
        #expect(session["server_port"] == .integer(Int64(gateway.tlsPort)))
        #expect(session["tls"] == nil)
        #expect(entry["upstream"]?["received"] == .integer(10))
        #expect(entry["upstream"]?["sent"] == .integer(5))
        #expect(entry["latencies"]?["kong"] != nil)
        #expect(entry["latencies"]?["session"] != nil)
        #expect(entry["tries"]?.elements?.first?["port"] == .integer(Int64(target.port)))
        #expect(entry["client_ip"]?.text == "127.0.0.1")
        #expect(entry["route"]?["protocols"] == .strings("tcp"))
        #expect(entry["service"]?["name"]?.text == "shop")
        #expect(entry["request"] == nil)
        #expect(entry["source"] == nil)
        #expect(gateway.plane.counters().routes.map(\.isStream) == [true])
        // One that is refused by its neighbours is told, too; nothing is told twice.
        #expect(gateway.plane.counters().droppedLogLines == 0)
        #expect(log.origin.messages.count == 1)
    }

    @Test("tell how TLS was agreed on where it ends here", arguments: [true, false])
    func secured(endsHere: Bool) throws {
        let (target, log) = (Self.echo(), Self.collector())
        let gateway = try Self.gateway(
            target.port,
            endsHere ? .tls : .tlsPassthrough,
            [log.plugin]
        )
        if endsHere {
            var client: (any TestStream)? = try gateway.connectTLS(name: "a.test")
            client?.send("hello")
            #expect(client?.receive(exactly: 10) == Array("hellohello".utf8))
            client = nil
        } else {
            // The target echoes the greeting, which is no TLS.
            #expect(try !gateway.connectTLS(name: "a.test").isOpen)
        }
        let entry = try #require(awaited { try? Self.entries(log.origin).first })
        guard endsHere else { return #expect(entry["session"]?["tls"] == nil) }
        #expect(entry["session"]?["tls"]?["version"]?.text == "TLSv1.3")
        #expect(entry["session"]?["tls"]?["cipher"]?.text?.hasPrefix("TLS_") == true)
        #expect(entry["session"]?["tls"]?["client_verify"]?.text == "NONE")
    }

    @Test("tell of a client's datagrams once, when it has been silent")
    func datagrams() async throws {
        var address = mesh_address(high: 0, low: 0x7F00_0001, port: 0, family: 4)
        let target = mesh_datagram_listen(&address, 0)
        defer { close(target) }
        _ = mesh_local_address(target, &address)
        let log = Self.collector()
        let gateway = try Self.gateway(address.port, .udp, [log.plugin])
        var place = mesh_address(high: 0, low: 0x7F00_0001, port: gateway.tlsPort, family: 4)
        let client = mesh_datagram_connect(&place)
        defer { close(client) }
        _ = mesh_send(client, "hello", 5)
        let entry = try #require(awaited { try? Self.entries(log.origin).first })
        #expect(entry["session"]?["received"] == .integer(5))
        #expect(entry["session"]?["sent"] == .integer(0))
        #expect(entry["session"]?["server_port"] == .integer(Int64(gateway.tlsPort)))
        #expect(entry["upstream"]?["sent"] == .integer(5))
        #expect(entry["tries"]?.elements?.first?["port"] == .integer(Int64(address.port)))
    }

    @Test("tell of connections that plugins refuse, and that no target takes")
    func refused() throws {
        let log = Self.collector()
        let denying = try Self.gateway(
            1,
            .tcp,
            [log.plugin, ("ip-restriction", .record(["deny": .strings("127.0.0.0/8")]))]
        )
        #expect(StreamSocket(port: denying.tlsPort).receive() == nil)
        let entry = try #require(awaited { try? Self.entries(log.origin).first })
        #expect(entry["session"]?["status"] == .integer(403))
        #expect(entry["upstream"]?["sent"] == .integer(0))
        let other = Self.collector()
        let dead = try Self.gateway(1, .tcp, [other.plugin])
        #expect(StreamSocket(port: dead.tlsPort).receive() == nil)
        let second = try #require(awaited { try? Self.entries(other.origin).first })
        #expect(second["session"]?["status"] == .integer(502))
        #expect(second["tries"]?.elements?.isEmpty == false)
    }

    @Test("leave connections alone when they are for requests only")
    func requestsOnly() throws {
        let (target, log, other) = (Self.echo(), Self.collector(), Self.collector())
        let silent = try Self.gateway(
            target.port,
            .tcp,
            [log.plugin],
            protocols: [.http, .https]
        )
        let telling = try Self.gateway(target.port, .tcp, [other.plugin])
        for gateway in [silent, telling] {
            let client = StreamSocket(port: gateway.tlsPort)
            client.send("hello")
            #expect(client.receive(exactly: 10) == Array("hellohello".utf8))
        }
        // The one that tells comes second.
        _ = try #require(awaited { other.origin.messages.first })
        #expect(log.origin.messages.isEmpty)
    }

    @Test("file-log, tcp-log, udp-log, syslog's kin and statsd tell in their own forms")
    func kinds() throws {
        var address = mesh_address(high: 0, low: 0x7F00_0001, port: 0, family: 4)
        let socket = mesh_datagram_listen(&address, 0)
        defer { close(socket) }
        _ = mesh_local_address(socket, &address)
        let path = NSTemporaryDirectory() + "stream-\(UUID().uuidString).log"
        defer { unlink(path) }
        let target = Self.echo()
        let collector = Origin { origin, socket, _ in
            var text: [UInt8] = []
            while let bytes = socket.receive() {
                text += bytes
                if text.last == 0x0A { origin.note(String(decoding: text, as: UTF8.self)) }
            }
        }
        let place: KeyValuePairs<String, DocumentValue> = [
            "host": .string("127.0.0.1"), "port": .integer(Int64(address.port)),
        ]
        let gateway = try Self.gateway(
            target.port,
            .tcp,
            [
                ("file-log", .record(["path": .string(path)])),
                (
                    "tcp-log",
                    .record([
                        "host": .string("127.0.0.1"),
                        "port": .integer(Int64(collector.port)),
                    ])
                ),
                ("udp-log", .record(place)),
                ("statsd", .record(place)),
                (
                    "loggly",
                    .record([
                        "host": .string("127.0.0.1"), "port": .integer(Int64(address.port)),
                        "key": .string("k"),
                    ])
                ),
            ]
        )
        var client: StreamSocket? = StreamSocket(port: gateway.tlsPort)
        client?.send("hello")
        #expect(client?.receive(exactly: 10) != nil)
        client = nil
        let line = try #require(
            awaited { try? String(contentsOfFile: path, encoding: .utf8) }
                .flatMap { $0.split(separator: "\n").first.map(String.init) }
        )
        #expect(line.hasPrefix("{\"session\":{\"received\":5,"))
        let told = try #require(awaited { collector.messages.first })
        #expect(told.startLine.hasPrefix("{\"session\":{\"received\":5,"))
        var datagrams: [String] = []
        let all = awaited { () -> [String]? in
            var room = [UInt8](repeating: 0, count: 65_536)
            let count = mesh_receive(socket, &room, room.count)
            if count > 0 { datagrams.append(String(decoding: room[..<count], as: UTF8.self)) }
            let hasAll = ["{\"session\"", "<14>1 ", "kong.service.shop."].allSatisfy { start in
                datagrams.contains { $0.hasPrefix(start) }
            }
            return hasAll ? datagrams : nil
        }
        #expect(all != nil, "\(datagrams)")
    }
}
