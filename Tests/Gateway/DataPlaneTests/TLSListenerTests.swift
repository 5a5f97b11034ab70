import MeshEntities
import MeshTLS
import Testing

@testable import MeshDataPlane

@Suite("A TLS listener")
struct TLSListenerTests {
    private let get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"

    /// Entities with a certificate for `a.test` and one for `*.b.test`.
    private func named(
        _ port: UInt16,
        _ exact: TestCertificate = TestCertificate("a.test"),
        _ wild: TestCertificate = TestCertificate("*.b.test")
    ) -> GatewayConfiguration {
        var entities = TestEntities.proxying([port])
        entities.certificates = [exact.entity(1), wild.entity(2)]
        entities.snis = [
            SNI(id: EntityID(high: 7, low: 1), name: "a.test", certificate: exact.entity(1).id),
            SNI(id: EntityID(high: 7, low: 2), name: "*.b.test", certificate: wild.entity(2).id),
        ]
        return entities
    }

    @Test("shows the certificate of the server name, else the default one (RFC 6066 3)")
    func choosesCertificate() throws {
        let (exact, wild) = (TestCertificate("a.test"), TestCertificate("*.b.test"))
        let origin = Origin.saying("ok")
        let gateway = try Gateway.secure(self.named(origin.port, exact, wild))
        let expected = [
            "a.test": exact.digest, "A.TEST": exact.digest, "x.b.test": wild.digest,
            "b.test": TestCertificate.fallback.digest, "c.test": TestCertificate.fallback.digest,
            "": TestCertificate.fallback.digest,
        ]

        for (name, digest) in expected {
            let client = try gateway.connectTLS(name: name)
            #expect(client.peerDigest == digest, "\(name)")
        }
    }

    @Test("shows the certificate of SNI * to names without one, the default to the nameless (Kong)")
    func anyName() throws {
        let any = TestCertificate("any.test")
        var entities = TestEntities.proxying([Origin.saying("ok").port])
        entities.certificates = [any.entity(1)]
        entities.snis = [
            SNI(id: EntityID(high: 7, low: 1), name: "*", certificate: any.entity(1).id)
        ]
        let gateway = try Gateway.secure(entities)

        #expect(try gateway.connectTLS(name: "x.test").peerDigest == any.digest)
        #expect(try gateway.connectTLS().peerDigest == TestCertificate.fallback.digest)
    }

    @Test("agrees on h2 or http/1.1, and on nothing else (RFC 7301 3.2)")
    func negotiates() throws {
        let origin = Origin.saying("ok")
        let gateway = try Gateway.secure(TestEntities.proxying([origin.port]))
        let both = try gateway.connectTLS(protocols: ["http/1.1", "h2"])
        let old = try gateway.connectTLS(protocols: ["http/1.1"])
        let none = try gateway.connectTLS()
        let other = try gateway.connectTLS(protocols: ["spdy/3"])

        #expect(both.isHTTP2)
        #expect(HTTP2Client(both).ask(self.get, isSecure: true)?.text == "ok")
        #expect(!old.isHTTP2)
        old.send(self.get)
        #expect(old.message()?.text == "ok")
        none.send(self.get)
        #expect(none.message()?.text == "ok")
        guard case .failed(let failure) = other.handshake else {
            Issue.record("a protocol that is not spoken was agreed on")
            return
        }
        #expect(failure.cause == .alert(120), "no_application_protocol")
    }

    @Test("answers 421 to a host that the certificate shown is not for (RFC 9110 15.5.20)")
    func misdirected() throws {
        let origin = Origin.saying("ok")
        let gateway = try Gateway.secure(self.named(origin.port))
        let client = try gateway.connectTLS(name: "a.test")
        let ask = { (host: String) in
            client.send("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
            return client.message()?.status
        }

        #expect(ask("a.test") == 200)
        #expect(ask("A.test:443") == 200)
        #expect(ask("x.b.test") == 421)
        #expect(ask("a.test") == 200)
        #expect(origin.requests.count == 3)
    }

    @Test("lets names share a connection that share a certificate (RFC 9113 9.1.1)")
    func sharesConnection() throws {
        let gateway = try Gateway.secure(self.named(Origin.saying("ok").port))
        let client = try gateway.connectTLS(name: "x.b.test", protocols: ["h2"])
        let peer = HTTP2Client(client)
        let ask = { (host: String) in
            peer.ask("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n", isSecure: true)?.status
        }

        #expect(ask("x.b.test") == 200)
        #expect(ask("y.b.test") == 200)
        #expect(ask("a.test") == 421)
    }

    @Test("tells the target that the client came by https")
    func forwardsScheme() throws {
        let origin = Origin.saying("ok")
        let gateway = try Gateway.secure(TestEntities.proxying([origin.port]))
        let client = try gateway.connectTLS(name: "a.test")
        client.send(self.get)

        #expect(client.message()?.status == 200)
        #expect(origin.messages.first?["x-forwarded-proto"] == "https")
        #expect(origin.messages.first?["x-forwarded-port"] == "\(gateway.tlsPort)")
    }

    @Test("is where a route for https alone sends plain requests (RFC 9110 15.5.22)")
    func secureRoute() throws {
        let origin = Origin.saying("ok")
        for (status, expected) in [(426, 426), (301, 301), (308, 308)] {
            let entities = TestEntities.proxying([origin.port]) { _, route in
                route.protocols = [.https]
                route.httpsRedirectStatusCode = status
            }
            let gateway = try Gateway.secure(entities)
            let plain = gateway.ask("GET /p?q=1 HTTP/1.1\r\nHost: a.test\r\n\r\n")
            let secure = try gateway.connectTLS(name: "a.test")
            secure.send(self.get)

            #expect(plain?.status == expected)
            if status == 426 {
                #expect(plain?["upgrade"] == "TLS/1.2, HTTP/1.1")
                #expect(plain?["connection"]?.contains("Upgrade") == true)
                #expect(plain?.text.contains("Please use HTTPS protocol") == true)
            } else {
                #expect(plain?["location"] == "https://a.test/p?q=1")
            }
            #expect(secure.message()?.status == 200)
        }
    }

    @Test("asks clients for certificates, and refuses those without a good one (RFC 8446 4.4.2)")
    func clientCertificates() throws {
        let known = TestCertificate("client")
        let stranger = TestCertificate("stranger")
        let gateway = try Gateway.secure(TestEntities.proxying([Origin.saying("ok").port])) {
            $0.tls.clientCertificates = .required
            $0.tls.clientAuthorities = known.certificate
        }
        let status = { (identity: TLSIdentity?) -> Int? in
            let client = try gateway.connectTLS(name: "a.test") { $0.identity = identity }
            client.send(self.get)
            return client.message()?.status
        }

        #expect(try status(known.identity) == 200)
        #expect(try status(stranger.identity) == nil)
        #expect(try status(nil) == nil)
    }

    @Test("takes clients without a certificate where it is optional, but no bad ones")
    func optionalCertificates() throws {
        let known = TestCertificate("client")
        let gateway = try Gateway.secure(TestEntities.proxying([Origin.saying("ok").port])) {
            $0.tls.clientCertificates = .optional
            $0.tls.clientAuthorities = known.certificate
        }
        let status = { (identity: TLSIdentity?) -> Int? in
            let client = try gateway.connectTLS(name: "a.test") { $0.identity = identity }
            client.send(self.get)
            return client.message()?.status
        }

        #expect(try status(known.identity) == 200)
        #expect(try status(nil) == 200)
        #expect(try status(TestCertificate("stranger").identity) == nil)
    }

    @Test("resumes sessions of another node with equal ticket keys, and no others (RFC 8446 2.2)")
    func resumes() throws {
        let entities = TestEntities.proxying([Origin.saying("ok").port])
        let nodes = try (0..<3).map { _ in try Gateway.secure(entities) }
        let name = [UInt8](repeating: 1, count: 16)
        let secret = [UInt8](repeating: 2, count: 64)
        for node in nodes.prefix(2) {
            node.plane.setTicketKeys(current: (name, secret), accepted: [])
        }
        let context = try TLSClientContext(TLSClientSettings())
        let connect = { (node: Gateway, resuming: TLSResumption?) in
            let socket = StreamSocket(port: node.tlsPort)
            return TLSSocket(socket, context, name: "a.test", resuming: resuming)
        }
        let resumed = { (node: Gateway) -> Bool in
            let first = connect(nodes[0], nil)
            first.send(self.get)
            try #require(first.message()?.status == 200)
            let session = try #require(first.takeSession() as TLSResumption?)
            let second = connect(node, session)
            second.send(self.get)
            try #require(second.message()?.status == 200)
            return second.isResumed
        }

        #expect(try resumed(nodes[0]))
        #expect(try resumed(nodes[1]))
        #expect(try !resumed(nodes[2]))
    }

    @Test("changes certificates without dropping a connection")
    func changesCertificates() throws {
        let origin = Origin.saying("ok")
        let (old, new) = (TestCertificate("a.test"), TestCertificate("a.test"))
        let gateway = try Gateway.secure(self.named(origin.port, old))
        let kept = try gateway.connectTLS(name: "a.test")
        kept.send(self.get)
        let before = kept.message()

        try gateway.install(self.named(origin.port, new), version: 2)
        kept.send(self.get)
        let after = kept.message()
        let fresh = try gateway.connectTLS(name: "a.test")

        #expect(before?.status == 200)
        #expect(after?.status == 200)
        #expect(kept.peerDigest == old.digest)
        #expect(fresh.peerDigest == new.digest)
    }

    @Test("refuses a snapshot whose certificate cannot be used, and serves on with the last one")
    func refusesBadCertificate() throws {
        let origin = Origin.saying("ok")
        let gateway = try Gateway.secure(self.named(origin.port))
        var broken = self.named(origin.port)
        broken.certificates[0].key = TestCertificate("other").key

        #expect(throws: SnapshotError.self) { try gateway.install(broken, version: 2) }
        let client = try gateway.connectTLS(name: "a.test")
        client.send(self.get)
        #expect(client.message()?.status == 200)
    }
}
