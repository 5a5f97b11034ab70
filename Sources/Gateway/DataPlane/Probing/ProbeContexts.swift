internal import MeshEntities
internal import MeshHealth
internal import MeshTLS

/// The TLS contexts of checks, each made when a check first needs it.
struct ProbeContexts {
    private struct Key: Hashable {
        let verifies: Bool
        let clientCertificate: String?
        let isHTTP2: Bool
    }

    private var certificates: EntityList<Certificate> = []
    private var made: [Key: TLSClientContext] = [:]

    /// Takes over the certificates that targets may be shown.
    mutating func setCertificates(_ certificates: EntityList<Certificate>) {
        guard certificates != self.certificates else { return }
        self.certificates = certificates
        self.made = self.made.filter { $0.key.clientCertificate == nil }
    }

    /// The context of a check; `nil` when its client certificate is unknown or unusable, or memory
    /// is short: none of that is the target's doing.
    mutating func context(_ tls: ProbeTLS, isHTTP2: Bool) -> TLSClientContext? {
        let key = Key(
            verifies: tls.verifies,
            clientCertificate: tls.clientCertificate,
            isHTTP2: isHTTP2
        )
        if let known = self.made[key] { return known }
        var settings = TLSClientSettings()
        settings.verifies = tls.verifies
        settings.protocols = [isHTTP2 ? "h2" : "http/1.1"]
        if let id = tls.clientCertificate {
            guard let identity = self.identity(id) else { return nil }
            settings.identity = identity
        }
        let context = try? TLSClientContext(settings)
        self.made[key] = context
        return context
    }

    private func identity(_ id: String) -> TLSIdentity? {
        guard let certificate = self.certificates.first(where: { $0.id.description == id }) else {
            return nil
        }
        var identity = TLSIdentity(id: id, certificate: certificate.cert, key: certificate.key)
        if let alternate = certificate.certAlt, let key = certificate.keyAlt {
            identity.alternate = TLSIdentity.Pair(certificate: alternate, key: key)
        }
        return identity
    }
}
