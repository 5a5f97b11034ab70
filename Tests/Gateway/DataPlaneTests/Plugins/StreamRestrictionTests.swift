import CMeshSystem
import Glibc
import MeshEntities
import MeshHTTP
import MeshPrimitives
import Testing

@testable import MeshDataPlane

@Suite("ip-restriction on streams (Kong 3.9)")
struct StreamRestrictionTests {
    private static func echo() -> Origin {
        Origin { origin, socket, _ in
            origin.note("CONNECTED / x")
            while let bytes = socket.receive() { socket.send(bytes) }
        }
    }

    private static func config(_ rule: [String]) -> DocumentValue {
        .object([DocumentField(rule[0], .strings(rule[1]))])
    }

    private static func restricted(
        _ port: UInt16,
        _ transport: GatewayProtocol,
        _ rule: [String],
        protocols: [GatewayProtocol]? = nil
    ) -> GatewayConfiguration {
        var entities = TestEntities.proxying([port]) { service, route in
            service.protocol = transport == .udp ? .udp : .tcp
            route.protocols = [transport]
            route.paths = []
            route.destinations = [Route.Peer(ip: "127.0.0.1")]
        }
        var plugin = Plugin(
            id: EntityID(high: 9, low: 1),
            name: "ip-restriction",
            config: Self.config(rule)
        )
        if let protocols { plugin.protocols = protocols }
        entities.plugins = [plugin]
        return entities
    }

    private static func gateway(
        _ entities: GatewayConfiguration,
        _ kind: StreamListener.Kind,
        change: (inout DataPlaneConfiguration) -> Void = { _ in }
    ) throws -> Gateway {
        try Gateway(entities) {
            $0.streamListen = [StreamListener($0.listen[0], kind: kind)]
            $0.tls.defaultCertificate = TestCertificate.fallback.text
            change(&$0)
        }
    }

    @Test(
        "closes a connection of an address that is denied or not allowed, and asks no target",
        arguments: [["deny", "127.0.0.0/8"], ["allow", "10.0.0.0/8"]]
    )
    func closes(rule: [String]) async throws {
        let log = AccessLogFile()
        let origin = Self.echo()
        let entities = Self.restricted(origin.port, .tcp, rule)
        let gateway = try Self.gateway(entities, .tcp) { $0.accessLog = log.sink }
        let client = StreamSocket(port: gateway.tlsPort)
        #expect(client.receive() == nil)
        #expect(origin.connections == 0)
        #expect(await log.line().contains("\"status\":403"))
    }

    @Test("lets a connection of an address pass that is allowed")
    func passes() throws {
        let origin = Self.echo()
        let gateway = try Self.gateway(
            Self.restricted(
                origin.port,
                .tcp,
                ["allow", "127.0.0.1"]
            ),
            .tcp
        )
        let client = StreamSocket(port: gateway.tlsPort)
        client.send("hello")
        #expect(client.receive(exactly: 5) == Array("hello".utf8))
    }

    @Test("leaves connections alone when it is for requests only")
    func requestsOnly() throws {
        let origin = Self.echo()
        let gateway = try Self.gateway(
            Self.restricted(
                origin.port,
                .tcp,
                ["deny", "127.0.0.0/8"],
                protocols: [.http, .https]
            ),
            .tcp
        )
        let client = StreamSocket(port: gateway.tlsPort)
        client.send("hello")
        #expect(client.receive(exactly: 5) == Array("hello".utf8))
    }

    @Test("closes a connection over TLS, whether TLS ends here or not", arguments: [true, false])
    func secure(endsHere: Bool) throws {
        let origin = Self.echo()
        var entities = Self.restricted(
            origin.port,
            endsHere ? .tls : .tlsPassthrough,
            ["deny", "127.0.0.0/8"]
        )
        entities.routes[0].destinations = []
        entities.routes[0].snis = ["a.test"]
        let denying = try Self.gateway(entities, .tls)
        #expect(try !denying.connectTLS(name: "a.test").isOpen)
        #expect(origin.connections == 0)
        guard endsHere else { return }
        entities.plugins[0].config = Self.config(["allow", "127.0.0.1"])
        try denying.install(entities, version: 2)
        let echoed: [UInt8]? = awaited {
            guard let client = try? denying.connectTLS(name: "a.test"), client.isOpen else {
                return nil
            }
            client.send("hello")
            return client.receive(exactly: 5)
        }
        #expect(echoed == Array("hello".utf8))
    }

    @Test("drops datagrams of an address that is denied, until it is denied no more")
    func datagrams() async throws {
        var address = mesh_address(high: 0, low: 0x7F00_0001, port: 0, family: 4)
        let target = mesh_datagram_listen(&address, 0)
        defer { close(target) }
        _ = mesh_local_address(target, &address)
        var entities = Self.restricted(
            address.port,
            .udp,
            ["deny", "127.0.0.0/8"],
            protocols: [.udp]
        )
        let gateway = try Self.gateway(entities, .udp)
        var place = mesh_address(high: 0, low: 0x7F00_0001, port: gateway.tlsPort, family: 4)
        let client = mesh_datagram_connect(&place)
        defer { close(client) }
        _ = mesh_send(client, "no", 2)
        let isDropped = await eventually { gateway.plane.counters().droppedDatagrams == 1 }
        #expect(isDropped)
        entities.plugins = []
        try gateway.install(entities, version: 2)
        var room = [UInt8](repeating: 0, count: 16)
        var count = -1
        let hasCome = await eventually {
            _ = mesh_send(client, "yes", 3)
            count = mesh_receive(target, &room, room.count)
            return count >= 0
        }
        #expect(hasCome)
        #expect(Array(room.prefix(max(0, count))) == Array("yes".utf8))
    }
}
