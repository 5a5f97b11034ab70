import MeshEntities
import MeshTLS

@testable import MeshDataPlane

/// A certificate of a test that vouches for itself, and is so its own authority.
struct TestCertificate: Sendable {
    let certificate: String
    let key: String

    /// 2026-01-01, an instant within the validity of what is made here.
    private static let now = 1_767_225_600

    init(_ name: String, _ type: TLSCertificate.KeyType = .ecdsa) {
        guard let made = TLSCertificate.selfSigned(commonName: name, keyType: type, now: Self.now)
        else { fatalError("OpenSSL makes no certificate") }
        self.certificate = made.certificate
        self.key = made.key
    }

    private init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }

    static let fallback = TestCertificate("localhost")

    /// The same in a chain with so many copies of itself.
    func lengthened(by count: Int) -> TestCertificate {
        TestCertificate(
            certificate: String(repeating: self.certificate, count: count + 1),
            key: self.key
        )
    }

    var digest: String? { TLSCertificate.chain(pem: self.certificate)?.first?.digest }
    var text: CertificateText { CertificateText(certificate: self.certificate, key: self.key) }
    var identity: TLSIdentity {
        TLSIdentity(id: "test", certificate: self.certificate, key: self.key)
    }

    /// The entity, numbered so that tests can name it.
    func entity(_ number: UInt64) -> Certificate {
        Certificate(id: EntityID(high: 5, low: number), cert: self.certificate, key: self.key)
    }

    /// The entity of an authority.
    func authority(_ number: UInt64) -> CACertificate {
        CACertificate(id: EntityID(high: 6, low: number), cert: self.certificate)
    }

    /// What a target shows; `change` edits it.
    func server(
        _ change: (inout TLSServerSettings) -> Void = { _ in }
    ) throws -> TLSServerContext {
        var settings = TLSServerSettings(defaultIdentity: self.identity)
        change(&settings)
        return try TLSServerContext(settings)
    }
}

extension Gateway {
    /// A gateway with a TLS listener beside the plain one.
    static func secure(
        _ entities: GatewayConfiguration,
        change: (inout DataPlaneConfiguration) -> Void = { _ in }
    ) throws -> Gateway {
        try Gateway(entities) { configuration in
            configuration.tlsListen = configuration.listen
            configuration.tls.defaultCertificate = TestCertificate.fallback.text
            change(&configuration)
        }
    }
}
