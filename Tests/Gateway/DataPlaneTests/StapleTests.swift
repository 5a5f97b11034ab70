import Foundation
import MeshEntities
import MeshPrimitives
import MeshTLS
import Testing

@testable import MeshDataPlane

@Suite("An OCSP response that the operator put beside")
struct StapleTests {
    /// One answer of an authority: good for a day, revoked, and bytes that are none.
    private static let commands = """
        set -e
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem \
          -out cert.pem -subj /CN=a -days 30 -set_serial 1
        answer() {
          printf "$1" >index.txt
          openssl ocsp -index index.txt -CA cert.pem -rsigner cert.pem -rkey key.pem \
            -issuer cert.pem -cert cert.pem -respout "$2" -ndays 1 -no_nonce
        }
        answer 'V\\t491231000000Z\\t\\t01\\tunknown\\t/CN=a\\n' good
        answer 'R\\t491231000000Z\\t200101000000Z\\t01\\tunknown\\t/CN=a\\n' revoked
        echo nonsense >broken
        """

    @Test("is stapled while it is good, and left out when it is revoked, broken or missing")
    func staples() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let shell = Process()
        shell.executableURL = URL(filePath: "/bin/sh")
        shell.arguments = ["-c", Self.commands]
        shell.currentDirectoryURL = folder
        shell.standardOutput = FileHandle.nullDevice
        shell.standardError = FileHandle.nullDevice
        try shell.run()
        shell.waitUntilExit()
        try #require(shell.terminationStatus == 0)
        let id = EntityID(high: 3, low: 1)
        let text = CertificateText(
            certificate: try String(
                contentsOf: folder.appending(path: "cert.pem"),
                encoding: .utf8
            ),
            key: try String(contentsOf: folder.appending(path: "key.pem"), encoding: .utf8)
        )

        var stapled: [String: [UInt8]?] = [:]
        for name in ["good", "revoked", "broken", "missing"] {
            let place = folder.appending(path: "\(id).der")
            try? FileManager.default.removeItem(at: place)
            try? FileManager.default.copyItem(at: folder.appending(path: name), to: place)
            stapled[name] = try self.staple(id, text, folder.path())
        }

        let good = try Data(contentsOf: folder.appending(path: "good"))
        #expect(stapled == ["good": Array(good), "revoked": nil, "broken": nil, "missing": nil])
    }

    /// What listeners would staple to the certificate.
    private func staple(
        _ id: EntityID,
        _ text: CertificateText,
        _ directory: String
    ) throws -> [UInt8]? {
        var configuration = DataPlaneConfiguration()
        configuration.tlsListen = [ListenAddress(Endpoint(address: .v4(0x7F00_0001), port: 0))]
        configuration.tls.defaultCertificate = text
        configuration.tls.ocspDirectory = directory
        var entities = TestEntities.proxying([])
        entities.certificates = [Certificate(id: id, cert: text.certificate, key: text.key)]
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
