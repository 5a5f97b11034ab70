import Foundation
import MeshAdmin
import MeshPrimitives
import MeshTLS
import Testing

@testable import MeshNode

@Suite("The files of the Admin API")
struct AdminSettingsTests {
    private func settings() throws -> AdminSettings {
        AdminSettings(listen: try #require(Endpoint("127.0.0.1:8001")))
    }

    private func load(
        _ settings: AdminSettings,
        _ files: [String: String]
    ) throws(SettingsError) -> AdminSettings {
        try settings.loaded { (field, path, _) throws(SettingsError) in
            guard let text = files[path] else { throw .unreadable(file: path, reason: field) }
            return text
        }
    }

    @Test("make TLS and credentials")
    func complete() throws {
        let now = Int(Date().timeIntervalSince1970)
        let own = try #require(TLSCertificate.selfSigned(keyType: .ecdsa, now: now))
        var settings = try self.settings()
        settings.certificate = "c"
        settings.key = "k"
        settings.tokens = "t"
        let files = ["c": own.certificate, "k": own.key, "t": "write a tttttttttttttttttttt"]
        let loaded = try self.load(settings, files)

        #expect(try loaded.tlsContext() != nil)
        #expect(loaded.files.credentials?.holder(ofToken: "tttttttttttttttttttt")?.name == "a")
        let other = try #require(TLSCertificate.selfSigned(keyType: .ecdsa, now: now))
        #expect(throws: SettingsError.self) {
            try self.load(settings, files.merging(["k": other.key]) { $1 })
        }
    }

    @Test("of tokens must name somebody, and authorities where it names certificates")
    func tokens() throws {
        var settings = try self.settings()
        settings.tokens = "t"
        for text in ["", "# nobody", "write a certificate", "write a short"] {
            let error = #expect(throws: SettingsError.self) {
                try self.load(settings, ["t": text])
            }
            #expect(error?.description.contains("short") == false)
        }
    }
}
