import Glibc
import MeshPrimitives
import MeshTLS
import Testing

@testable import MeshDataPlane

@Suite("What failed is counted")
struct FailureCounterTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    private func count(
        _ owner: String,
        _ cause: String,
        of gateway: Gateway
    ) -> DataPlaneCounters.FailureCounters? {
        gateway.plane.counters().failures.first { $0.owner == owner && $0.cause == cause }
    }

    @Test("once per attempt, and not for a request that another target saved")
    func attempts() throws {
        let origin = Origin.saying("alive")
        let gateway = try Gateway(TestEntities.proxying([Origin.deadPort(), origin.port]))

        for _ in 0..<4 { #expect(gateway.ask(self.get)?.text == "alive") }

        let refused = self.count("target", "refused", of: gateway)
        #expect(refused?.attempts == 1)
        #expect(refused?.requests == 0)
    }

    @Test("once per request that no target saved, by the last attempt's cause")
    func requests() async throws {
        let gateway = try Gateway(TestEntities.proxying([Origin.deadPort(), Origin.deadPort()]))

        #expect(gateway.ask(self.get)?.status == 502)

        #expect(await gateway.eventually { gateway.plane.activeRequests == 0 })
        let refused = self.count("target", "refused", of: gateway)
        #expect(refused?.attempts == 2)
        #expect(refused?.requests == 1)
        let others = gateway.plane.counters().failures.filter { $0.cause != "refused" }
        #expect(others.allSatisfy { $0.attempts == 0 && $0.requests == 0 })
    }

    @Test("for a response cut short and for a client that was no HTTP client")
    func cutAndMalformed() async throws {
        let cutting = Origin { _, socket, _ in
            guard socket.message() != nil else { return }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            socket.shutdown()
        }
        let gateway = try Gateway(TestEntities.proxying([cutting.port]))

        #expect(gateway.ask(self.get) == nil)
        #expect(gateway.ask("GET\r\n\r\n")?.status == 400)

        #expect(await gateway.eventually { gateway.plane.activeRequests == 0 })
        #expect(self.count("target", "cut", of: gateway)?.attempts == 1)
        #expect(self.count("target", "cut", of: gateway)?.requests == 1)
        #expect(self.count("client", "malformed_request", of: gateway)?.requests == 1)
    }

    @Test("for HTTP/2 sessions: how many are open, and why they ended (RFC 9113 section 5.4.1)")
    func sessions() async throws {
        let gateway = try Gateway(TestEntities.proxying([Origin.deadPort()]))
        let client = gateway.connect()

        client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        client.send([0, 0, 0, 4, 0, 0, 0, 0, 0])
        #expect(await gateway.eventually { gateway.plane.counters().clientSessions == 1 })
        #expect(gateway.plane.counters().targetSessions == 0)
        // DATA on stream 0.
        client.send([0, 0, 1, 0, 0, 0, 0, 0, 0, 7])

        let isCounted = await gateway.eventually {
            gateway.plane.counters().sessionFaults.first { $0.cause == "protocol" }?.count == 1
        }
        #expect(isCounted)
        #expect(gateway.plane.counters().sessionFaults.reduce(0) { $0 + $1.count } == 1)
        client.shutdown()
        #expect(await gateway.eventually { gateway.plane.counters().clientSessions == 0 })
    }

    @Test("for TLS handshakes that are not agreed on")
    func handshakes() async throws {
        let identity = try #require(
            TLSCertificate.selfSigned(keyType: .ecdsa, now: Int(time(nil)) - 60)
        )
        let gateway = try Gateway(TestEntities.proxying([Origin.deadPort()])) { configuration in
            configuration.tlsListen = configuration.listen
            configuration.listen = []
            configuration.tls.defaultCertificate = CertificateText(
                certificate: identity.certificate,
                key: identity.key
            )
        }

        let client = gateway.connect()
        client.send(self.get)
        _ = client.receiveAll()

        #expect(await gateway.eventually { gateway.plane.counters().failedHandshakes == 1 })
        #expect(gateway.plane.counters().handshakes == 0)
    }
}
