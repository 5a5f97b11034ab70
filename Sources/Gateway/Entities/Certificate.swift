/// A certificate with its key.
public struct Certificate: Equatable, Sendable {
    /// Primary key.
    public var id: EntityID
    /// Certificate chain, PEM.
    public var cert: String
    /// Private key, PEM; a secret.
    public var key: String
    /// Chain of the other key type, PEM.
    public var certAlt: String?
    /// Private key of the other type, PEM; a secret.
    public var keyAlt: String?
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?
    /// Unix seconds of the last change.
    public var updatedAt: Int?

    /// Creates a certificate.
    public init(id: EntityID, cert: String, key: String) {
        self.id = id
        self.cert = cert
        self.key = key
    }
}

/// A server name that a certificate is used for.
public struct SNI: Equatable, Sendable {
    /// Primary key.
    public var id: EntityID
    /// Unique host name; one wildcard label allowed at either end.
    public var name: String
    /// The certificate.
    public var certificate: EntityID
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?
    /// Unix seconds of the last change.
    public var updatedAt: Int?

    /// Creates a server name.
    public init(id: EntityID, name: String, certificate: EntityID) {
        self.id = id
        self.name = name
        self.certificate = certificate
    }
}

/// The certificate of an authority.
public struct CACertificate: Equatable, Sendable {
    /// Primary key.
    public var id: EntityID
    /// Exactly one certificate, PEM.
    public var cert: String
    /// SHA-256 of the certificate in hexadecimal digits, unique.
    public var certDigest: String?
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?
    /// Unix seconds of the last change.
    public var updatedAt: Int?

    /// Creates an authority's certificate.
    public init(id: EntityID, cert: String) {
        self.id = id
        self.cert = cert
    }
}
