import Foundation
import Testing

@testable import MeshTLS

/// TLS with programs that share nothing with us but the RFCs (and, for some, OpenSSL).
@Suite("TLS with other programs")
struct PeerTests {
    private static let key = TLSTicketKeys.Key.random()

    @Test(
        "serves curl with a verified name and protocol",
        arguments: [("--tlsv1.2 --tls-max 1.2", "TLSv1.2"), ("--tlsv1.3", "TLSv1.3")]
    )
    func servesCurl(options: String, version: String) throws {
        let authority = try TestAuthority.shared.get()
        let server = try LoopbackServer(
            TestIdentities.server {
                $0.identities = [authority.good.identity]
                $0.identities[0].names = ["good.test"]
                $0.offersHTTP2 = false
            }
        )
        let facts = try server.serve(1) {
            let words = ["curl", "-sS", "--cacert", "root.pem"]
            let place = [
                "--connect-to", "good.test:443:127.0.0.1:\(server.port)", "https://good.test/",
            ]
            let outcome = try Tool.run(
                words + options.split(separator: " ").map(String.init) + place,
                in: authority.folder
            )
            #expect(outcome.output == "yes")
            #expect(outcome.status == 0)
        }
        #expect(facts.first?.version.rawValue == version)
        #expect(facts.first?.serverName == "good.test")
        #expect(facts.first?.request.hasPrefix("GET / HTTP/1.1\r\n") == true)
    }

    @Test("serves openssl s_client with a client certificate", arguments: ["-tls1_2", "-tls1_3"])
    func servesClientCertificate(version: String) throws {
        let authority = try TestAuthority.shared.get()
        let server = try LoopbackServer(
            TestIdentities.server {
                $0.clientCertificates = .required
                $0.clientAuthorities = [authority.root.certificate]
            }
        )
        let words = ["openssl", "s_client", "-connect", "127.0.0.1:\(server.port)", version]
        let good = try server.serve(1) {
            let shown = [
                "-cert", "client.pem", "-key", "client.key", "-alpn", "http/1.1", "-ign_eof",
            ]
            let outcome = try Tool.run(words + shown, input: "GET /\n", in: authority.folder)
            #expect(outcome.output.contains("Acceptable client certificate CA names\nCN = root"))
            #expect(outcome.output.contains("ALPN protocol: http/1.1"))
            #expect(outcome.output.contains("yes"))
        }
        #expect(good.last?.hasPeerCertificate == true)

        let bare = try server.serve(1) { try Tool.run(words, input: "GET /\n") }
        guard case .failed(let failure) = bare.last?.handshake else {
            Issue.record("the handshake went through")
            return
        }
        #expect(failure.cause == .certificateMissing)
    }

    @Test("resumes openssl s_client on another node", arguments: ["-tls1_2", "-tls1_3"])
    func resumesClient(version: String) throws {
        let folder = try TestAuthority.shared.get().folder
        let key = try #require(Self.key)
        let nodes = try (0..<2).map { _ in
            try LoopbackServer(
                TestIdentities.server { $0.ticketKeys = TLSTicketKeys(current: key) }
            )
        }
        let file = "session\(version).pem"
        func connect(_ node: LoopbackServer, _ words: [String]) throws -> LoopbackServer.Facts? {
            try node.serve(1) {
                let place = ["openssl", "s_client", "-connect", "127.0.0.1:\(node.port)", version]
                let outcome = try Tool.run(
                    place + ["-ign_eof"] + words,
                    input: "GET /\n",
                    in: folder
                )
                #expect(outcome.output.contains("yes"))
            }.last
        }
        #expect(try connect(nodes[0], ["-sess_out", file])?.isResumed == false)
        #expect(try connect(nodes[1], ["-sess_in", file])?.isResumed == true)
    }

    @Test("refuses what RFC 9325 rules out", arguments: ["-tls1_1", "-cipher AES128-SHA -tls1_2"])
    func refusesOld(options: String) throws {
        let server = try LoopbackServer(TestIdentities.server())
        let facts = try server.serve(1) {
            let words =
                options.split(separator: " ").map(String.init) + ["-cipher", "ALL:@SECLEVEL=0"]
            let outcome = try Tool.run(
                ["openssl", "s_client", "-connect", "127.0.0.1:\(server.port)"]
                    + (options == "-tls1_1" ? words : Array(words.prefix(3)))
            )
            #expect(outcome.status != 0)
        }
        guard case .failed(let failure) = facts.last?.handshake else {
            Issue.record("the handshake went through")
            return
        }
        #expect(failure.cause == (options == "-tls1_1" ? .version : .cipher))
    }

    @Test("refuses to renegotiate (RFC 9325 section 3.5)")
    func refusesRenegotiation() throws {
        let server = try LoopbackServer(TestIdentities.server())
        _ = try server.serve(1) {
            let outcome = try Tool.run(
                ["openssl", "s_client", "-connect", "127.0.0.1:\(server.port)", "-tls1_2"],
                input: "R\n"
            )
            #expect(outcome.output.contains("no renegotiation"))
        }
    }

    @Test("talks to openssl s_server", arguments: ["-tls1_2", "-tls1_3"])
    func talksToServer(version: String) throws {
        let authority = try TestAuthority.shared.get()
        let server = try OpenSSLServer(
            [version, "-cert", "good.pem", "-key", "good.key", "-alpn", "h2,http/1.1", "-rev"]
                + ["-Verify", "1", "-CAfile", "root.pem", "-verify_return_error"],
            in: authority.folder
        )
        defer { server.stop() }
        let context = try TestIdentities.client {
            $0.verifies = true
            $0.authorities = [authority.root.certificate]
            $0.identity = authority.client.identity
            $0.protocols = ["h2"]
        }
        let client = try server.connect(context, name: "good.test")
        defer {
            client.session.free()
            close(client.descriptor)
        }

        #expect(server.handshake(client) == .done)
        #expect(client.session.protocolIsHTTP2)
        #expect(client.session.version.rawValue == (version == "-tls1_2" ? "TLSv1.2" : "TLSv1.3"))
        #expect(client.session.verification.code == 0)
        client.write("abc\n")
        #expect(server.read(client, until: "\n") == "cba\n")
        #expect(client.session.takeSession().map { $0.free() } != nil)
    }
}
