import Testing

@testable import MeshTLS

@Suite("Verification of certificates")
struct VerificationTests {
    private let authority: TestAuthority

    init() throws { self.authority = try TestAuthority.shared.get() }

    /// What a client that trusts `root` says of a target.
    private func verdict(
        on pair: TestAuthority.Pair,
        as name: String,
        trusting root: TestAuthority.Pair? = nil,
        depth: Int? = nil
    ) throws -> TLSSession.Handshake {
        let server = try TestIdentities.server { $0.defaultIdentity = pair.identity }
        let client = try TestIdentities.client {
            $0.verifies = true
            $0.authorities = [(root ?? self.authority.root).certificate]
            $0.depth = depth
        }
        return try TLSPair(server, client, name: name).handshake().client
    }

    private func expectRefusal(_ handshake: TLSSession.Handshake, _ reason: String) {
        #expect(
            handshake
                == .failed(
                    TLSFailure(cause: .certificate, text: "certificate verify failed: \(reason)")
                )
        )
    }

    @Test("accepts a target whose name and chain are right")
    func accepts() throws {
        #expect(try self.verdict(on: self.authority.good, as: "good.test") == .done)
        #expect(try self.verdict(on: self.authority.good, as: "GOOD.test") == .done)
        #expect(try self.verdict(on: self.authority.address, as: "127.0.0.1") == .done)
        #expect(try self.verdict(on: self.authority.deepChain, as: "deep.test") == .done)
    }

    @Test("refuses a target with another name or address (RFC 9525 section 6)")
    func refusesName() throws {
        self.expectRefusal(
            try self.verdict(on: self.authority.good, as: "bad.test"),
            "hostname mismatch"
        )
        self.expectRefusal(
            try self.verdict(on: self.authority.address, as: "127.0.0.2"),
            "IP address mismatch"
        )
    }

    @Test("refuses an expired certificate (RFC 5280 section 6.1.3)")
    func refusesExpired() throws {
        self.expectRefusal(
            try self.verdict(on: self.authority.expired, as: "expired.test"),
            "certificate has expired"
        )
    }

    @Test("refuses an unknown authority and a chain with a gap")
    func refusesUnknown() throws {
        self.expectRefusal(
            try self.verdict(
                on: self.authority.good,
                as: "good.test",
                trusting: self.authority.stranger
            ),
            "unable to get local issuer certificate"
        )
        self.expectRefusal(
            try self.verdict(on: self.authority.deep, as: "deep.test"),
            "unable to get local issuer certificate"
        )
    }

    @Test("counts the certificates between (Kong's tls_verify_depth)")
    func countsDepth() throws {
        #expect(try self.verdict(on: self.authority.good, as: "good.test", depth: 0) == .done)
        #expect(try self.verdict(on: self.authority.deepChain, as: "deep.test", depth: 1) == .done)
        self.expectRefusal(
            try self.verdict(on: self.authority.deepChain, as: "deep.test", depth: 0),
            "certificate chain too long"
        )
    }

    @Test("trusts an authority in the middle when it is named itself")
    func trustsMiddle() throws {
        let verdict = try self.verdict(
            on: self.authority.deep,
            as: "deep.test",
            trusting: self.authority.middle
        )
        #expect(verdict == .done)
    }

    @Test("is not done unless asked for")
    func isOptional() throws {
        let server = try TestIdentities.server { $0.defaultIdentity = authority.expired.identity }
        let pair = try TLSPair.connected(server, TestIdentities.client(), name: "bad.test")
        #expect(pair.client.session.hasPeerCertificate)
    }

    @Test("refuses settings that cannot work")
    func refusesSettings() {
        #expect(throws: TLSConfigurationError.self) {
            try TestIdentities.client {
                $0.verifies = true
                $0.depth = 65
            }
        }
        #expect(throws: TLSConfigurationError.self) {
            try TestIdentities.client {
                $0.verifies = true
                $0.authorities = ["nothing"]
            }
        }
        #expect(throws: TLSConfigurationError.self) {
            try TestIdentities.client { $0.protocols = [""] }
        }
        #expect(throws: TLSConfigurationError.self) {
            try TestIdentities.server { $0.clientCertificates = .required }
        }
    }

    /// Server's and client's view after a client showed `pair` where `mode` is asked.
    private func mutual(
        _ mode: TLSServerSettings.ClientCertificates,
        _ pair: TestAuthority.Pair?,
        version: TLSSession.Version = .tls13
    ) throws -> TLSPair {
        let server = try TestIdentities.server {
            $0.clientCertificates = mode
            $0.clientAuthorities = [authority.root.certificate]
        }
        let client = try TestIdentities.client {
            $0.identity = pair?.identity
            $0.maximumVersion = version
        }
        return try TLSPair(server, client)
    }

    @Test(
        "lets a client with a good certificate in",
        arguments: [TLSSession.Version.tls12, .tls13]
    )
    func letsClientIn(version: TLSSession.Version) throws {
        for mode in [TLSServerSettings.ClientCertificates.optional, .required] {
            let pair = try self.mutual(mode, self.authority.client, version: version)
            #expect(pair.handshake().server == .done)
            #expect(pair.server.session.hasPeerCertificate)
            #expect(pair.server.session.verification == .init(code: 0, text: "ok"))
            let shown = TLSCertificate.chain(pem: self.authority.client.certificate)?.first
            #expect(pair.server.peerDigest == shown?.digest)
        }
    }

    @Test("refuses a client with a bad certificate", arguments: [TLSSession.Version.tls12, .tls13])
    func refusesClient(version: TLSSession.Version) throws {
        for mode in [TLSServerSettings.ClientCertificates.optional, .required] {
            let pair = try self.mutual(mode, self.authority.strangeClient, version: version)
            let outcome = pair.handshake()
            self.expectRefusal(outcome.server, "unable to get local issuer certificate")
            // A client of TLS 1.3 has finished by then and reads the alert (unknown_ca).
            let seen = version == .tls12 ? outcome.client : nil
            let alert = TLSFailure.Cause.alert(48)
            if case .failed(let failure) = seen {
                #expect(failure.cause == alert)
            } else if case .broken(let failure) = pair.client.readAll().1 {
                #expect(failure.cause == alert)
            } else {
                Issue.record("no alert arrived")
            }
        }
    }

    @Test("demands a certificate only where it is required")
    func demands() throws {
        let optional = try self.mutual(.optional, nil)
        #expect(optional.handshake().server == .done)
        #expect(!optional.server.session.hasPeerCertificate)

        let required = try self.mutual(.required, nil)
        guard case .failed(let failure) = required.handshake().server else {
            Issue.record("the handshake went through")
            return
        }
        #expect(failure.cause == .certificateMissing)

        let unasked = try TLSPair.connected(
            TestIdentities.server(),
            TestIdentities.client { $0.identity = authority.client.identity }
        )
        #expect(!unasked.server.session.hasPeerCertificate)
    }
}
