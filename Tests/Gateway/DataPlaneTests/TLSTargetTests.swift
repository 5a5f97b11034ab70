import MeshEntities
import MeshHealth
import MeshTLS
import Testing

@testable import MeshDataPlane

@Suite("A target that speaks TLS")
struct TLSTargetTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    /// Entities of a service that speaks https to `a.good.test`.
    func entities(
        _ ports: [UInt16],
        change: (inout Service) -> Void = { _ in }
    ) -> GatewayConfiguration {
        var entities = TestEntities.proxying(ports) { service, _ in
            service.protocol = .https
            change(&service)
        }
        entities.upstreams[0].hostHeader = "a.good.test"
        return entities
    }

    @Test("is reached without a check of its certificate unless one is asked for, as in Kong")
    func unverified() throws {
        let origin = Origin.saying("safe", tls: try TestCertificate("whoever").server())
        let gateway = try Gateway(self.entities([origin.port]))
        let client = gateway.connect()
        for _ in 0..<3 {
            client.send(self.get)
            #expect(client.message()?.text == "safe")
        }

        #expect(origin.connections == 1)
        #expect(origin.messages.first?["host"] == "a.good.test")
        #expect(origin.messages.first?["x-forwarded-proto"] == "http")
    }

    @Test("is told the server name, which is the host it is asked for (RFC 6066 3)")
    func serverName() async throws {
        let context = try TestCertificate("a.good.test").server()
        let origin = Origin { origin, socket, _ in
            let stream = TLSSocket(socket, context)
            origin.note("NAME \(stream.serverName)")
        }
        let gateway = try Gateway(self.entities([origin.port]))
        _ = gateway.ask(self.get)

        let isTold = await eventually { origin.requests.first == "NAME a.good.test" }
        #expect(isTold)
    }

    /// What a check of a target's certificate leads to.
    struct Check: CustomTestStringConvertible, Sendable {
        var name: String
        var isKnown: Bool
        var isGood: Bool
        var testDescription: String { "\(self.name), known: \(self.isKnown)" }
    }

    @Test(
        "is verified by name and authority; another one is a 502 and evidence (RFC 9110 4.3.4)",
        arguments: [
            Check(name: "a.good.test", isKnown: true, isGood: true),
            Check(name: "*.good.test", isKnown: true, isGood: true),
            Check(name: "a.bad.test", isKnown: true, isGood: false),
            Check(name: "a.good.test", isKnown: false, isGood: false),
        ]
    )
    func verified(check: Check) async throws {
        let log = AccessLogFile()
        let shown = TestCertificate(check.name)
        let trusted = check.isKnown ? shown : TestCertificate(check.name)
        let origin = Origin.saying("safe", tls: try shown.server())
        var entities = self.entities([origin.port]) { service in
            service.tlsVerify = true
            service.caCertificates = [trusted.authority(1).id]
        }
        entities.caCertificates = [trusted.authority(1)]
        let gateway = try Gateway(entities) { $0.accessLog = log.sink }

        let answer = gateway.ask(self.get)
        let line = await log.line()

        #expect(answer?.status == (check.isGood ? 200 : 502))
        guard !check.isGood else { return }
        #expect(line.contains("\"error\":{\"owner\":\"target\",\"cause\":\"tls_handshake\"}"))
        #expect(origin.messages.allSatisfy { $0.startLine == "FAILED" }, "nothing was sent")
        let isEvidence = await eventually {
            gateway.log.values.contains { $0.transportFailures > 0 }
        }
        #expect(isEvidence)
    }

    @Test("that cannot be verified leaves the request to one that can")
    func retries() throws {
        let good = TestCertificate("a.good.test")
        let bad = Origin.saying("bad", tls: try TestCertificate("a.good.test").server())
        let origin = Origin.saying("safe", tls: try good.server())
        var entities = self.entities([bad.port, origin.port]) { service in
            service.tlsVerify = true
            service.caCertificates = [good.authority(1).id]
        }
        entities.caCertificates = [good.authority(1)]
        let gateway = try Gateway(entities)

        for _ in 0..<6 { #expect(gateway.ask(self.get)?.text == "safe") }
    }

    @Test("is checked where the node says so and the service nothing")
    func verifiedByNode() throws {
        let origin = Origin.saying("safe", tls: try TestCertificate("a.good.test").server())
        let gateway = try Gateway(self.entities([origin.port])) { $0.verifiesTargets = true }

        #expect(gateway.ask(self.get)?.status == 502)
    }

    @Test("is shown the service's certificate when it asks for one (RFC 8446 4.4.2)")
    func clientCertificate() throws {
        let ours = TestCertificate("gateway")
        let context = try TestCertificate("a.good.test").server { settings in
            settings.clientCertificates = .required
            settings.clientAuthorities = [ours.certificate]
        }
        let origin = Origin.saying("known", tls: context)
        var entities = self.entities([origin.port])
        entities.certificates = [ours.entity(1)]
        let without = try Gateway(entities)
        entities.services[0].clientCertificate = ours.entity(1).id
        let with = try Gateway(entities)
        entities.services[0].clientCertificate = nil
        entities.upstreams[0].clientCertificate = ours.entity(1).id
        let byUpstream = try Gateway(entities)

        #expect(without.ask(self.get)?.status == 502)
        #expect(with.ask(self.get)?.text == "known")
        #expect(byUpstream.ask(self.get)?.text == "known")
    }

    @Test("that does not speak TLS is a 502 of the target, not a stall")
    func plainTarget() async throws {
        let log = AccessLogFile()
        let origin = Origin { _, socket, _ in
            _ = socket.receive()
            socket.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            _ = socket.receive()
        }
        let gateway = try Gateway(self.entities([origin.port])) { $0.accessLog = log.sink }

        #expect(gateway.ask(self.get)?.status == 502)
        #expect(await log.line().contains("\"cause\":\"tls_handshake\""))
    }

    @Test("that does not finish its handshake costs connect_timeout, no longer")
    func silentTarget() throws {
        let origin = Origin { _, socket, _ in while socket.receive() != nil {} }
        let gateway = try Gateway(
            self.entities([origin.port]) { service in
                service.connectTimeout = 150
                service.retries = 0
            }
        )
        let begin = ContinuousClock.now

        #expect(gateway.ask(self.get)?.status == 504)
        #expect(ContinuousClock.now - begin < .seconds(2))
    }

    @Test("carries an upload of a megabyte and its answer")
    func largeBodies() throws {
        let context = try TestCertificate("a.good.test").server()
        let origin = Origin { _, socket, _ in
            let stream = TLSSocket(socket, context)
            while let request = stream.message() {
                stream.send("HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n")
                stream.send(request.body)
            }
        }
        let gateway = try Gateway(self.entities([origin.port]))
        let body = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let client = gateway.connect()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n")
        client.send(body)

        #expect(client.message()?.body == body)
    }
}
