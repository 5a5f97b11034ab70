import Testing

@testable import MeshTLS

@Suite("A TLS identity")
struct TLSIdentityTests {
    private static func pair(_ identity: TLSIdentity) -> TLSIdentity.Pair { identity.main }

    @Test("is refused when the key belongs to another certificate")
    func refusesMismatch() {
        var identity = TestIdentities.make("a.test")
        identity.main.key = TestIdentities.make("a.test").main.key

        let error = #expect(throws: TLSConfigurationError.self) {
            try TestIdentities.server { $0.identities = [identity] }
        }

        #expect(
            error
                == .mismatch(
                    owner: "a.test",
                    field: "key",
                    value: "the key of another certificate",
                    remedy: "certificate does not match key; "
                        + "give the key that the certificate was made for"
                )
        )
    }

    @Test("is refused when both pairs have keys of one type")
    func refusesSameType() {
        var identity = TestIdentities.make("a.test")
        identity.alternate = TestIdentities.make("a.test").main

        let error = #expect(throws: TLSConfigurationError.self) {
            try TestIdentities.server { $0.defaultIdentity = identity }
        }

        #expect(
            error?.description
                == "a.test: cert_alt is ECDSA like cert: "
                + "give a certificate of the other key type, or leave cert_alt out"
        )
    }

    @Test("is refused when a part cannot be read, and says which")
    func refusesUnreadable() throws {
        let sound = TestIdentities.make("a.test")
        let encrypted = try Tool.run(
            ["openssl", "pkcs8", "-topk8", "-passout", "pass:x"],
            input: sound.main.key
        )
        #expect(encrypted.output.contains("BEGIN ENCRYPTED PRIVATE KEY"))
        let edits: [(String, (inout TLSIdentity) -> Void)] = [
            ("cert", { $0.main.certificate = "" }),
            ("cert", { $0.main.certificate = "hello" }),
            ("cert", { $0.main.certificate = String($0.main.certificate.dropLast(60)) }),
            ("cert", { $0.main.certificate += $0.main.certificate.dropLast(60) }),
            ("key", { $0.main.key = "" }),
            ("key", { $0.main.key = $0.main.certificate }),
            ("key", { $0.main.key = encrypted.output }),
            ("ocsp", { $0.main.ocspResponse = [1, 2, 3] }),
            ("key_alt", { $0.alternate = .init(certificate: $0.main.certificate, key: "") }),
        ]
        for (field, edit) in edits {
            var identity = sound
            edit(&identity)
            let error = #expect(throws: TLSConfigurationError.self) {
                try TestIdentities.server { $0.identities = [identity] }
            }
            guard case .unreadable(let owner, let found, _, _) = error else {
                Issue.record("\(field): \(String(describing: error))")
                continue
            }
            #expect(owner == "a.test")
            #expect(found == field)
        }
    }

    @Test("that did not change is not read again for the next context")
    func isReused() throws {
        var settings = TLSServerSettings(defaultIdentity: TestIdentities.fallback)
        settings.identities = [TestIdentities.make("a.test"), TestIdentities.make("b.test")]
        let first = try TLSServerContext(settings)
        settings.identities[0].names = ["a.test"]
        settings.identities[1].main = TestIdentities.make("b.test").main
        settings.identities[1].names = ["b.test"]

        let second = try TLSServerContext(settings, reusing: first)

        func loaded(_ context: TLSServerContext, _ name: String) -> LoadedIdentity {
            Array(name.utf8).withUnsafeBytes { context.identity(for: $0) }
        }
        #expect(loaded(first, "") === loaded(second, ""))
        let pair = try TLSPair.connected(second, TestIdentities.client(), name: "b.test")
        #expect(pair.client.peerDigest == TestIdentities.digest(settings.identities[1]))
    }

    @Test("shows RSA or ECDSA as the client's offer demands", arguments: ["ECDSA", "RSA"])
    func showsEither(type: String) throws {
        let authority = try TestAuthority.shared.get()
        var identity = authority.good.identity
        identity.alternate = authority.goodRSA.identity.main
        let server = try LoopbackServer(TestIdentities.server { $0.defaultIdentity = identity })

        for version in ["-tls1_2", "-tls1_3"] {
            let offer = type == "RSA" ? "rsa_pss_rsae_sha256" : "ecdsa_secp256r1_sha256"
            _ = try server.serve(1) {
                let peer = try Tool.run(
                    ["openssl", "s_client", "-connect", "127.0.0.1:\(server.port)", version]
                        + ["-sigalgs", offer],
                    input: "Q\n"
                )
                #expect(
                    peer.output.contains("Peer signature type: \(type == "RSA" ? "RSA-PSS" : type)")
                )
            }
        }
    }

    @Test("staples its OCSP response to handshakes that ask (RFC 6066 section 8)")
    func staples() throws {
        let authority = try TestAuthority.shared.get()
        var identity = authority.good.identity
        identity.main.ocspResponse = authority.ocspResponse
        identity.alternate = authority.goodRSA.identity.main
        let server = try LoopbackServer(TestIdentities.server { $0.defaultIdentity = identity })
        func ask(_ words: [String]) throws -> String {
            var output = ""
            _ = try server.serve(1) {
                output = try Tool.run(
                    ["openssl", "s_client", "-connect", "127.0.0.1:\(server.port)"] + words,
                    input: "Q\n"
                ).output
            }
            return output
        }

        for version in ["-tls1_2", "-tls1_3"] {
            let stapled = try ask(["-status", version])
            #expect(stapled.contains("OCSP Response Status: successful"))
            #expect(stapled.contains("Cert Status: good"))
            // The response is about the ECDSA certificate only.
            let other = try ask(["-status", version, "-sigalgs", "rsa_pss_rsae_sha256"])
            #expect(other.contains("OCSP response: no response sent"))
        }
    }
}
