import MeshEntities
import MeshTLS
import Synchronization
import Testing

@testable import MeshDataPlane

/// OpenSSL reads ahead: what follows the last message of a handshake is in its buffer by then, and no
/// event comes for it.
@Suite("A first request that comes with the end of the TLS handshake")
struct FirstRequestTests {
    private static let get = Array("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n".utf8)
    private static let segments = [Int.max, 1, 40, 75, 90]

    private func gateway(_ certificate: TestCertificate = .fallback) throws -> Gateway {
        try Gateway.secure(TestEntities.proxying([Origin.saying("ok").port])) {
            $0.tls.defaultCertificate = certificate.text
        }
    }

    private func context(_ version: TLSSession.Version) throws -> TLSClientContext {
        var settings = TLSClientSettings()
        settings.maximumVersion = version
        return try TLSClientContext(settings)
    }

    private func answer(
        _ gateway: Gateway,
        _ context: TLSClientContext,
        _ segment: Int,
        resuming: TLSResumption? = nil,
        isSlow: Bool = false
    ) -> (text: String?, isResumed: Bool) {
        let socket =
            isSlow
            ? StreamSocket(port: gateway.tlsPort, segment: 536)
            : StreamSocket(port: gateway.tlsPort)
        let client = TLSSocket(
            socket,
            context,
            name: "a.test",
            resuming: resuming,
            first: Self.get,
            segment: segment
        )
        return (client.message()?.text, client.isResumed)
    }

    @Test("is answered at once, in one segment and cut anywhere (RFC 8446 2)", arguments: segments)
    func withFinished(segment: Int) throws {
        let gateway = try self.gateway()

        #expect(self.answer(gateway, try self.context(.tls13), segment).text == "ok")
    }

    @Test(
        "is answered at once in a resumed session, in which TLS 1.2 lets the client end it, too",
        arguments: [TLSSession.Version.tls12, .tls13],
        segments
    )
    func resumed(version: TLSSession.Version, segment: Int) throws {
        let gateway = try self.gateway()
        let context = try self.context(version)
        let earlier = TLSSocket(StreamSocket(port: gateway.tlsPort), context, name: "a.test")
        earlier.send(Self.get)
        try #require(earlier.message()?.text == "ok")
        let session = try #require(earlier.takeSession() as TLSResumption?)

        let (text, isResumed) = self.answer(gateway, context, segment, resuming: session)

        #expect(isResumed)
        #expect(text == "ok")
    }

    @Test(
        "is answered at once behind certificates that the client takes slowly",
        arguments: segments
    )
    func longChain(segment: Int) throws {
        let gateway = try self.gateway(TestCertificate("a.test").lengthened(by: 150))
        let context = try self.context(.tls13)

        #expect(self.answer(gateway, context, segment, isSlow: true).text == "ok")
    }

    @Test("is answered at once when the handshake had to wait for its turn")
    func storm() throws {
        let gateway = try self.gateway(TestCertificate("a.test", .rsa))
        let context = try self.context(.tls13)
        let texts = Mutex<[String?]>([])
        let clients = (0..<32).map { number in
            startReactorThread(name: "client") {
                let segment = Self.segments[number % Self.segments.count]
                let text = self.answer(gateway, context, segment).text
                texts.withLock { $0.append(text) }
            }
        }
        for client in clients { client?.join() }

        #expect(texts.withLock { $0 } == Array(repeating: "ok", count: clients.count))
    }

    @Test("is answered at once in HTTP/2: its SETTINGS are acknowledged (RFC 9113 3.4)")
    func http2() throws {
        let gateway = try self.gateway()
        var settings = TLSClientSettings()
        settings.protocols = ["h2"]
        let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
        let client = TLSSocket(
            StreamSocket(port: gateway.tlsPort),
            try TLSClientContext(settings),
            name: "a.test",
            first: preface + [0, 0, 0, 4, 0, 0, 0, 0, 0]
        )
        let acknowledgement: [UInt8] = [0, 0, 0, 4, 1, 0, 0, 0, 0]
        var received: [UInt8] = []
        while !received.contains(acknowledgement), let more = client.receive() { received += more }

        #expect(received.contains(acknowledgement))
    }

    @Test("reaches the target of a stream route as it came")
    func stream() throws {
        let origin = Origin { _, socket, _ in
            while let bytes = socket.receive() { socket.send(bytes) }
        }
        let entities = TestEntities.proxying([origin.port]) { service, route in
            service.protocol = .tcp
            route.protocols = [.tls]
            route.paths = []
            route.snis = ["a.test"]
        }
        let gateway = try Gateway(entities) {
            $0.streamListen = [StreamListener($0.listen[0], kind: .tls)]
            $0.tls.defaultCertificate = TestCertificate.fallback.text
        }
        let client = TLSSocket(
            StreamSocket(port: gateway.tlsPort),
            try self.context(.tls13),
            name: "a.test",
            first: Self.get
        )

        #expect(client.receive(exactly: Self.get.count) == Self.get)
    }
}
