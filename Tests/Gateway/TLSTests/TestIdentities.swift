import Foundation
import Testing

@testable import MeshTLS

/// Certificates that several tests share, made once per run.
enum TestIdentities {
    /// 2026-01-01, an instant within the validity of what is made here.
    static let now = 1_767_225_600

    static let fallback = Self.make("localhost", .ecdsa)

    static func make(_ name: String, _ type: TLSCertificate.KeyType = .ecdsa) -> TLSIdentity {
        guard
            let made = TLSCertificate.selfSigned(commonName: name, keyType: type, now: Self.now)
        else { fatalError("OpenSSL makes no certificate") }
        return TLSIdentity(id: name, certificate: made.certificate, key: made.key)
    }

    static func digest(_ identity: TLSIdentity) -> String? {
        TLSCertificate.chain(pem: identity.main.certificate)?.first?.digest
    }

    /// A listener with one certificate; `change` edits its settings.
    static func server(
        _ change: (inout TLSServerSettings) -> Void = { _ in }
    ) throws -> TLSServerContext {
        var settings = TLSServerSettings(defaultIdentity: Self.fallback)
        change(&settings)
        return try TLSServerContext(settings)
    }

    /// A client that checks nothing; `change` edits its settings.
    static func client(
        _ change: (inout TLSClientSettings) -> Void = { _ in }
    ) throws -> TLSClientContext {
        var settings = TLSClientSettings()
        change(&settings)
        return try TLSClientContext(settings)
    }
}
