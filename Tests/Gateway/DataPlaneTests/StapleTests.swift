import Foundation
import MeshEntities
import MeshPrimitives
import MeshTLS
import Testing

@testable import MeshDataPlane

@Suite("An OCSP response that the operator put beside")
struct StapleTests {
    /// Answers of an authority: good for a day or for nine, revoked, and bytes that are none.
    private static let commands = """
        set -e
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem \
          -out cert.pem -subj /CN=a -days 30 -set_serial 1
        answer() {
          printf "$1" >index.txt
          openssl ocsp -index index.txt -CA cert.pem -rsigner cert.pem -rkey key.pem \
            -issuer cert.pem -cert cert.pem -respout "$2" -ndays $3 -no_nonce
        }
        answer 'V\\t491231000000Z\\t\\t01\\tunknown\\t/CN=a\\n' good 1
        answer 'V\\t491231000000Z\\t\\t01\\tunknown\\t/CN=a\\n' later 9
        answer 'R\\t491231000000Z\\t200101000000Z\\t01\\tunknown\\t/CN=a\\n' revoked 1
        echo nonsense >broken
        """

    private static let id = EntityID(high: 3, low: 1)

    /// A folder with a certificate, its key, and answers about it.
    private final class Authority {
        let folder: URL
        let text: CertificateText

        init() throws {
            self.folder = FileManager.default.temporaryDirectory
                .appending(path: UUID().uuidString)
            try FileManager.default.createDirectory(
                at: self.folder,
                withIntermediateDirectories: true
            )
            _ = try Command.run(["sh", "-c", StapleTests.commands], in: self.folder)
            self.text = CertificateText(
                certificate: try String(
                    contentsOf: self.folder.appending(path: "cert.pem"),
                    encoding: .utf8
                ),
                key: try String(contentsOf: self.folder.appending(path: "key.pem"), encoding: .utf8)
            )
        }

        deinit { try? FileManager.default.removeItem(at: self.folder) }

        var certificate: Certificate {
            Certificate(id: StapleTests.id, cert: self.text.certificate, key: self.text.key)
        }

        /// Puts one of the answers where the gateway looks for it.
        func publish(_ name: String) throws {
            let place = self.folder.appending(path: "\(StapleTests.id).der")
            try? FileManager.default.removeItem(at: place)
            guard name != "missing" else { return }
            try FileManager.default.copyItem(at: self.folder.appending(path: name), to: place)
        }

        /// The line that says how long an answer is good for, as OpenSSL prints it.
        func nextUpdate(of name: String) throws -> String? {
            try Command.run(
                ["openssl", "ocsp", "-respin", name, "-resp_text", "-noverify"],
                in: self.folder
            )
            .split(separator: "\n").map(String.init).first { $0.contains("Next Update") }
        }

        func bytes(of name: String) throws -> [UInt8] {
            try Array(Data(contentsOf: self.folder.appending(path: name)))
        }
    }

    @Test("is stapled while it is good, and left out when it is revoked, broken or missing")
    func staples() throws {
        let authority = try Authority()

        var stapled: [String: [UInt8]?] = [:]
        for name in ["good", "revoked", "broken", "missing"] {
            try authority.publish(name)
            stapled[name] = try self.staple(authority)
        }

        let good = try authority.bytes(of: "good")
        #expect(stapled == ["good": good, "revoked": nil, "broken": nil, "missing": nil])
    }

    @Test("is read again when the operator has changed it, and clients get the new one")
    func refreshes() throws {
        let authority = try Authority()
        var entities = TestEntities.proxying([Origin.saying("ok").port])
        entities.certificates = [authority.certificate]
        entities.snis = [
            SNI(id: EntityID(high: 7, low: 1), name: "a.test", certificate: Self.id)
        ]
        let gateway = try Gateway.secure(entities) {
            $0.tls.ocspDirectory = authority.folder.path()
        }
        let kept = try gateway.connectTLS(name: "a.test")

        #expect(try Self.shown(gateway).contains("OCSP response: no response sent"))
        #expect(!gateway.plane.refreshStaples(), "nothing is there yet")
        for name in ["good", "later", "revoked"] {
            try authority.publish(name)
            #expect(gateway.plane.refreshStaples(), "\(name)")
            #expect(!gateway.plane.refreshStaples(), "\(name) is as before")
            let shown = try Self.shown(gateway)
            if name == "revoked" {
                #expect(shown.contains("OCSP response: no response sent"), "\(shown)")
            } else {
                let line = try #require(try authority.nextUpdate(of: name))
                #expect(shown.contains(line), "\(shown)")
            }
        }
        kept.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect(kept.message()?.text == "ok", "connections are kept")
    }

    /// What a client of another make says of the handshake.
    private static func shown(_ gateway: Gateway) throws -> String {
        try Command.run(
            [
                "timeout", "20", "openssl", "s_client", "-status", "-servername", "a.test",
                "-connect", "127.0.0.1:\(gateway.tlsPort)",
            ],
            input: "Q\n"
        )
    }

    /// What listeners would staple to the certificate.
    private func staple(_ authority: Authority) throws -> [UInt8]? {
        var configuration = DataPlaneConfiguration()
        configuration.tlsListen = [ListenAddress(Endpoint(address: .v4(0x7F00_0001), port: 0))]
        configuration.tls.defaultCertificate = authority.text
        configuration.tls.ocspDirectory = authority.folder.path()
        var entities = TestEntities.proxying([])
        entities.certificates = [authority.certificate]
        let snapshot = try Snapshot(
            configuration: entities,
            addresses: HostAddresses(),
            localRegion: "eu",
            version: 1
        )
        let settings = try #require(TLSPlan(configuration).serverSettings(snapshot))
        return try #require(settings.identities.first).main.ocspResponse
    }
}
