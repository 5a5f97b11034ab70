import Foundation
import MeshDataPlane
import MeshTLS
import Testing

@testable import MeshNode

@Suite("The default certificate")
struct DefaultCertificateTests {
    private static let now = 1_767_225_600

    private func inDirectory(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("meshgate-certificate-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    @Test("is made once, and kept where only its owner can read it")
    func kept() throws {
        try self.inDirectory { directory in
            let made = try DefaultCertificate.load(directory: directory, now: Self.now)
            let kept = try DefaultCertificate.load(directory: directory, now: Self.now)

            let file = "\(directory)/\(DefaultCertificate.fileName)"
            let attributes = try FileManager.default.attributesOfItem(atPath: file)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory).count == 1)
            for pair in [made, kept] {
                #expect(
                    TLSCertificate.isMatch(certificatePEM: pair.certificate, keyPEM: pair.key)
                )
            }
            #expect(Self.digest(made.certificate) == Self.digest(kept.certificate))
        }
    }

    @Test("is made anew when it has expired")
    func expired() throws {
        try self.inDirectory { directory in
            let old = try DefaultCertificate.load(directory: directory, now: 0)
            let new = try DefaultCertificate.load(directory: directory, now: Self.now)

            #expect(Self.digest(old.certificate) != Self.digest(new.certificate))
        }
    }

    @Test("is never replaced when its file is damaged: somebody may want it back")
    func damaged() throws {
        try self.inDirectory { directory in
            let path = "\(directory)/\(DefaultCertificate.fileName)"
            try "nothing".write(toFile: path, atomically: true, encoding: .utf8)

            let error = #expect(throws: SettingsError.self) {
                try DefaultCertificate.load(directory: directory, now: Self.now)
            }

            #expect("\(String(describing: error))".contains("is damaged"))
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "nothing")
        }
    }

    @Test("is missed with a reason where it cannot be written")
    func unwritable() {
        let error = #expect(throws: SettingsError.self) {
            try DefaultCertificate.load(directory: "/nowhere/at/all", now: Self.now)
        }

        #expect("\(String(describing: error))".contains("proxy.tls_certificate"))
    }

    private static func digest(_ pem: String) -> String? {
        TLSCertificate.chain(pem: pem)?.first?.digest
    }
}
