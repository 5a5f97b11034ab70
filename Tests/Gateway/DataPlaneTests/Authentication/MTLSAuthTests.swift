import MeshEntities
import MeshHTTP
import MeshTLS
import Testing

@testable import MeshDataPlane

@Suite("mtls-auth: a certificate of the handshake says who sends a request", .serialized)
struct MTLSAuthTests {
    private let clients: ClientAuthority

    init() throws { self.clients = try ClientAuthority.shared.get() }

    private static let ids: DocumentValue = .strings(ClientAuthority.rootID.description)

    /// A gateway whose one route wants certificates, and a target that tells what it got.
    private func gateway(
        _ more: KeyValuePairs<String, DocumentValue> = [:],
        others: [Plugin] = [],
        change: (inout GatewayConfiguration) -> Void = { _ in }
    ) throws -> Gateway {
        var config = [
            DocumentField("ca_certificates", Self.ids),
            DocumentField("revocation_check_mode", .string("SKIP")),
        ]
        for (name, value) in more {
            config.removeAll { $0.name == name }
            config.append(DocumentField(name, value))
        }
        let origin = Origin.answering(PluginGateway.echo)
        var entities = TestEntities.proxying([origin.port])
        entities.caCertificates = EntityList(self.clients.entities)
        entities.consumers = [
            Consumer(id: ProtectedGateway.annID, username: "ann", customID: "42"),
            Consumer(id: ProtectedGateway.bobID, username: "bob", customID: "svc.test"),
            Consumer(id: ProtectedGateway.guestID, username: "guest"),
        ]
        var plugin = Plugin.named("mtls-auth") { $0.config = .object(config) }
        plugin.route = TestEntities.routeID
        entities.plugins = [plugin] + others
        change(&entities)
        return try Gateway.secure(entities)
    }

    private func ask(
        _ gateway: Gateway,
        _ identity: TLSIdentity?,
        _ lines: String = "",
        name: String = "a.test"
    ) throws -> TestMessage? {
        let client = try gateway.connectTLS(name: name) { $0.identity = identity }
        client.send("GET / HTTP/1.1\r\nHost: \(name)\r\n\(lines)\r\n")
        return client.message()
    }

    @Test("answers 401 without a certificate, over TLS and without TLS")
    func missing() throws {
        let gateway = try self.gateway()
        for answer in [
            try self.ask(gateway, nil), gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ] {
            #expect(answer?.status == 401)
            #expect(
                answer?.text.contains("\"message\":\"No required TLS certificate was sent\"")
                    == true
            )
        }
    }

    @Test("takes the consumer of the common name, and tells the target who it is")
    func consumer() throws {
        let answer = try #require(
            try self.ask(
                self.gateway(),
                self.clients.ann,
                "X-Consumer-Username: eve\r\nX-Credential-Identifier: eve\r\n"
                    + "X-Anonymous-Consumer: true\r\n"
            )
        )
        #expect(answer.status == 200)
        let text = answer.text.lowercased()
        #expect(text.contains("x-consumer-username: ann\n"))
        #expect(text.contains("x-consumer-id: \(ProtectedGateway.annID)\n"))
        #expect(text.contains("x-consumer-custom-id: 42\n"))
        #expect(!text.contains("eve"))
        #expect(!text.contains("x-credential-identifier"))
        #expect(!text.contains("x-anonymous-consumer"))
    }

    @Test("answers 401 to a certificate of a stranger, an old one, and one for servers")
    func bad() throws {
        let gateway = try self.gateway()
        for identity in [self.clients.strange, self.clients.expired, self.clients.server] {
            for _ in 0..<2 {
                let answer = try self.ask(gateway, identity)
                #expect(answer?.status == 401)
                #expect(
                    answer?.text.contains("\"message\":\"TLS certificate failed verification\"")
                        == true,
                    "\(identity.id)"
                )
            }
        }
    }

    @Test("answers 401 to a good certificate that is nobody's, or lets in the consumer for such")
    func nobody() throws {
        let strict = try self.gateway(["consumer_by": .strings("username")])
        #expect(try self.ask(strict, self.clients.service)?.status == 401)
        let standard = try self.gateway([
            "consumer_by": .strings("username"), "default_consumer": .string("guest"),
        ])
        let answer = try #require(try self.ask(standard, self.clients.service))
        #expect(answer.status == 200)
        #expect(answer.text.lowercased().contains("x-consumer-username: guest"))
        #expect(!answer.text.lowercased().contains("x-anonymous-consumer"))
    }

    @Test("looks for a name of subjectAltName first, as user name and as custom id")
    func alternatives() throws {
        let answer = try self.ask(self.gateway(), self.clients.service)
        #expect(answer?.text.lowercased().contains("x-consumer-username: bob") == true)
    }

    @Test("prefers credentials, those for the authority first (mtls_auth_credentials)")
    func credentials() throws {
        let credential = { (number: UInt64, name: String, owner: EntityID, authority: EntityID?) in
            CertificateCredential(
                id: EntityID(high: 12, low: number),
                consumer: owner,
                subjectName: name,
                authority: authority
            )
        }
        let gateway = try self.gateway {
            $0.certificateCredentials = [
                credential(1, "svc.test", ProtectedGateway.guestID, nil),
                credential(2, "svc.test", ProtectedGateway.annID, ClientAuthority.rootID),
                credential(3, "ann", ProtectedGateway.guestID, ClientAuthority.middleID),
            ]
        }
        let service = try self.ask(gateway, self.clients.service)
        #expect(service?.text.lowercased().contains("x-consumer-username: ann\n") == true)
        // A credential for another authority is none for this one.
        let ann = try self.ask(gateway, self.clients.ann)
        #expect(ann?.text.lowercased().contains("x-consumer-username: ann\n") == true)
    }

    @Test("follows the chain that the client brings, on every connection, also after the first")
    func chains() throws {
        let gateway = try self.gateway()
        for _ in 0..<2 {
            let client = try gateway.connectTLS(name: "a.test") {
                $0.identity = self.clients.deep
            }
            client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            #expect(client.message()?.status == 200)
            // Its session would be resumed without the chain.
            #expect(client.takeSession() == nil)
        }
    }

    @Test("takes an intermediate for an authority only if it is told so (allow_partial_chain)")
    func partial() throws {
        let middle: DocumentValue = .strings(ClientAuthority.middleID.description)
        let strict = try self.gateway(["ca_certificates": middle])
        #expect(try self.ask(strict, self.clients.deep)?.status == 401)
        let partial = try self.gateway([
            "ca_certificates": middle, "allow_partial_chain": .bool(true),
        ])
        #expect(try self.ask(partial, self.clients.deep)?.status == 200)
        #expect(try self.ask(partial, self.clients.ann)?.status == 401)
    }

    @Test("without consumers, tells the target the certificate's names, and acl its group")
    func groups() throws {
        let skip: KeyValuePairs<String, DocumentValue> = ["skip_consumer_lookup": .bool(true)]
        let spoofed = "X-Client-Cert-SAN: eve\r\nX-Client-Cert-DN: CN=eve\r\n"
        let open = try self.ask(try self.gateway(skip), self.clients.service, spoofed)
        let text = try #require(open?.text.lowercased())
        #expect(text.contains("x-client-cert-dn: cn=service\n"))
        #expect(text.contains("x-client-cert-san: svc.test,10.1.2.3,ops@a.test,service\n"))
        #expect(!text.contains("eve"))
        #expect(!text.contains("x-consumer"))

        let cache = Plugin.named("proxy-cache", ["strategy": .string("memory")])
        let cached = try self.gateway(skip, others: [cache])
        for identity in [self.clients.service, self.clients.ann] {
            #expect(try self.ask(cached, identity)?["x-cache-status"] == "Bypass")
        }

        let acl = Plugin.named("acl", ["allow": .strings("service")])
        let limited = try self.gateway(skip, others: [acl])
        let allowed = try #require(try self.ask(limited, self.clients.service))
        #expect(allowed.status == 200)
        #expect(allowed.text.lowercased().contains("x-authenticated-groups: service\n"))
        #expect(try self.ask(limited, self.clients.ann)?.status == 403)
        let byName = try self.gateway(
            ["skip_consumer_lookup": .bool(true), "authenticated_group_by": .string("DN")],
            others: [Plugin.named("acl", ["allow": .strings("CN=ann")])]
        )
        #expect(try self.ask(byName, self.clients.ann)?.status == 200)
        #expect(try self.ask(byName, self.clients.service)?.status == 403)
    }

    @Test("lets in the anonymous consumer in place of a refusal, and leaves others alone")
    func anonymous() throws {
        let keys = Plugin.named("key-auth", ["anonymous": .string("guest")])
        let gateway = try self.gateway(["anonymous": .string("guest")], others: [keys])
        for identity in [nil, self.clients.strange] {
            let answer = try self.ask(gateway, identity)
            #expect(answer?.status == 200)
            #expect(answer?.text.lowercased().contains("x-anonymous-consumer: true") == true)
        }
        let known = try self.ask(gateway, self.clients.ann)
        #expect(known?.text.lowercased().contains("x-consumer-username: ann\n") == true)
        #expect(known?.text.lowercased().contains("x-anonymous-consumer") == false)
    }

    @Test("answers 500 when an authority is not there, even with an anonymous consumer")
    func undecided() throws {
        let gateway = try self.gateway([
            "ca_certificates": .strings("00000000-0000-0000-0000-0000000000ff"),
            "anonymous": .string("guest"),
        ])
        #expect(try self.ask(gateway, self.clients.ann)?.status == 500)
    }

    @Test("follows a change of authorities on connections that are open")
    func change() throws {
        let gateway = try self.gateway()
        let client = try gateway.connectTLS(name: "a.test") { $0.identity = self.clients.strange }
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect(client.message()?.status == 401)
        var entities = TestEntities.proxying([Origin.answering(PluginGateway.echo).port])
        entities.consumers = [Consumer(id: ProtectedGateway.annID, username: "ann")]
        entities.caCertificates = [
            CACertificate(
                id: ClientAuthority.rootID,
                cert: self.clients.stranger.main.certificate
            )
        ]
        entities.plugins = [
            Plugin.named(
                "mtls-auth",
                ["ca_certificates": Self.ids, "revocation_check_mode": .string("SKIP")]
            )
        ]
        try gateway.install(entities, version: 2)
        // The worker takes the configuration over in its own time.
        let isTaken: Bool? = awaited {
            client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            return client.message()?.status == 200 ? true : nil
        }
        #expect(isTaken == true)
    }

    @Test("asks clients for a certificate by the server names of its routes, others not")
    func serverNames() throws {
        let named = try self.gateway { $0.routes[0].snis = ["secure.test", "*.b.test"] }
        let asked = { (gateway: Gateway, name: String) in
            try Command.run([
                "timeout", "20", "openssl", "s_client", "-connect",
                "127.0.0.1:\(gateway.tlsPort)", "-servername", name,
            ])
        }
        let mark = "Requested Signature Algorithms"
        for name in ["secure.test", "x.b.test"] {
            let said = try asked(named, name)
            #expect(said.contains(mark), "\(name): \(said)")
            #expect(said.contains("No client certificate CA names sent"))
        }
        #expect(try !asked(named, "other.test").contains(mark))
        #expect(try asked(self.gateway(), "other.test").contains(mark))
        let telling = try self.gateway(["send_ca_dn": .bool(true)])
        let said = try asked(telling, "other.test")
        #expect(said.contains("Acceptable client certificate CA names"), "\(said)")
        #expect(said.contains("CN = root"))
    }

    @Test("serves HTTP/2 and curl alike")
    func curl() throws {
        let gateway = try self.gateway()
        let words = ["curl", "-sk", "--max-time", "20", "-w", "\n%{http_code} %{http_version}"]
        let folder = self.clients.folder
        let good = try Command.run(
            words + [
                "--http2", "--cert", "ann.pem", "--key", "ann.key",
                "https://127.0.0.1:\(gateway.tlsPort)/",
            ],
            in: folder
        )
        #expect(good.hasSuffix("200 2"), "\(good)")
        #expect(good.lowercased().contains("x-consumer-username: ann\n"))
        let none = try Command.run(
            words + ["--http1.1", "https://127.0.0.1:\(gateway.tlsPort)/"],
            in: folder
        )
        #expect(none.hasSuffix("401 1.1"), "\(none)")
    }
}
