import MeshEntities
import MeshHTTP
import MeshHealth
import MeshPrimitives
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("A PROXY header towards a target")
struct ProxyHeaderTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    private func entities(
        _ port: UInt16,
        _ tag: String,
        change: (inout Service, inout Route) -> Void = { _, _ in }
    ) -> GatewayConfiguration {
        TestEntities.proxying([port]) { service, route in
            service.tags = ["team:a", tag]
            change(&service, &route)
        }
    }

    /// Takes a header of either version off a connection and notes it.
    private static func takeHeader(_ origin: Origin, _ socket: StreamSocket) -> Bool {
        var bytes: [UInt8] = []
        while bytes.count < 256, let byte = socket.receive(exactly: 1) {
            bytes += byte
            switch bytes.withUnsafeBytes({ ProxyProtocol.parse($0) }) {
            case .incomplete: continue
            case .invalid: return false
            case .found(let header):
                let source = header.source.map { "\($0)" } ?? "none"
                origin.note("FROM \(source) BY \(bytes[0] == 0x50 ? "v1" : "v2")")
                return true
            }
        }
        return false
    }

    private static func answering(_ text: String = "ok") -> Origin {
        Origin { origin, socket, _ in
            guard Self.takeHeader(origin, socket) else { return origin.note("NO HEADER") }
            while socket.message() != nil {
                socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
    }

    @Test(
        "names the client, once per connection, which serves one request",
        arguments: ["v1", "v2"]
    )
    func http(version: String) throws {
        let origin = Self.answering()
        let gateway = try Gateway(self.entities(origin.port, "proxy_protocol:\(version)"))
        let client = gateway.connect()
        for _ in 0..<2 {
            client.send(self.get)
            #expect(client.message()?.text == "ok")
        }
        let own = SocketAddress.decode(client.localAddress)

        #expect(origin.requests == Array(repeating: "FROM \(own) BY \(version)", count: 2))
    }

    @Test("comes before TLS, in the clear")
    func tls() throws {
        let context = try TestCertificate("a").server()
        let origin = Origin { origin, socket, _ in
            guard Self.takeHeader(origin, socket) else { return }
            let stream = TLSSocket(socket, context)
            while stream.message() != nil {
                stream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
        let entities = self.entities(origin.port, "proxy_protocol:v2") { service, _ in
            service.protocol = .https
        }
        let gateway = try Gateway(entities)

        #expect(gateway.ask(self.get)?.text == "ok")
        #expect(origin.requests.count == 1)
    }

    @Test("begins streams, too, whose bytes follow")
    func stream() throws {
        let origin = Origin { origin, socket, _ in
            guard Self.takeHeader(origin, socket) else { return }
            while let bytes = socket.receive() { socket.send(bytes) }
        }
        var entities = self.entities(origin.port, "proxy_protocol:v1") { service, route in
            service.protocol = .tcp
            route.protocols = [.tcp]
            route.paths = []
        }
        entities.routes[0].destinations = [Route.Peer(ip: "127.0.0.1")]
        let gateway = try Gateway(entities) {
            $0.streamListen = [StreamListener($0.listen[0], kind: .tcp)]
        }
        let client = StreamSocket(port: gateway.tlsPort)
        client.send("hello")

        #expect(client.receive(exactly: 5) == Array("hello".utf8))
        #expect(origin.requests == ["FROM \(SocketAddress.decode(client.localAddress)) BY v1"])
    }

    @Test("begins every gRPC call's connection, which no other client shares")
    func grpc() throws {
        let origin = Origin { origin, socket, _ in
            guard Self.takeHeader(origin, socket) else { return }
            let end = HTTP2End(socket, .server)
            while let event = end.next() {
                if case .end(let stream) = event { end.answer(stream, body: [65]) }
                end.flush()
            }
        }
        let entities = self.entities(origin.port, "proxy_protocol:v2") { service, _ in
            service.protocol = .grpc
        }
        let gateway = try Gateway(entities)

        for _ in 0..<2 { #expect(gateway.ask(self.get)?.text == "A") }
        #expect(origin.connections == 2)
    }

    @Test("of a health check names nobody")
    func check() async throws {
        let origin = Self.answering()
        let outcome = Mutex<ProbeResult.Outcome?>(nil)
        let prober = Prober { result in outcome.withLock { $0 = result.outcome } }
        try prober.start()
        prober.submit(
            ProbeRequest(
                id: TargetID(rawValue: 1),
                sequence: 1,
                endpoint: Endpoint(address: .v4(0x7F00_0001), port: origin.port),
                check: .http(path: "/", host: "a", headers: []),
                timeout: .seconds(5),
                greeting: ProxyProtocol.localHeader
            )
        )
        let isChecked = await eventually { outcome.withLock { $0 } == .status(200) }
        prober.stop()

        #expect(isChecked)
        #expect(origin.requests == ["FROM none BY v2"])
    }
}
