extension Certificate: GatewayEntity {
    /// `certificates`.
    public static let kind = EntityKind.certificates

    /// None; a certificate is known by its id.
    public var naturalKey: String? { nil }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "cert": .string(self.cert),
            "key": .string(self.key),
            "cert_alt": DocumentValue(self.certAlt),
            "key_alt": DocumentValue(self.keyAlt),
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
            "updated_at": DocumentValue(self.updatedAt),
        ])
    }

    /// Reads a certificate; only the PEM frame is checked here, not what is in it.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.cert = reader.requiredString("cert", check: PEMRule.certificate)
        self.key = reader.requiredString("key", check: PEMRule.key)
        self.certAlt = reader.string("cert_alt", check: PEMRule.certificate)
        self.keyAlt = reader.string("key_alt", check: PEMRule.key)
        self.tags = reader.tags()
        self.createdAt = reader.seconds("created_at")
        self.updatedAt = reader.seconds("updated_at")
        if (self.certAlt == nil) != (self.keyAlt == nil) {
            reader.failEntity("all or none of these fields must be set: 'cert_alt', 'key_alt'")
        }
    }
}

extension SNI: GatewayEntity {
    /// `snis`.
    public static let kind = EntityKind.snis

    /// The host name.
    public var naturalKey: String? { self.name }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "name": .string(self.name),
            "certificate": .reference(self.certificate),
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
            "updated_at": DocumentValue(self.updatedAt),
        ])
    }

    /// Reads a server name.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.name = reader.requiredString("name", check: TextRule.serverName)
        if reader.value("certificate") == nil {
            reader.fail("certificate", "required field missing")
        }
        self.certificate = reader.reference("certificate") ?? EntityID(high: 0, low: 0)
        self.tags = reader.tags()
        self.createdAt = reader.seconds("created_at")
        self.updatedAt = reader.seconds("updated_at")
    }
}

extension CACertificate: GatewayEntity {
    /// `ca_certificates`.
    public static let kind = EntityKind.caCertificates

    /// None; a certificate is known by its id.
    public var naturalKey: String? { nil }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "cert": .string(self.cert),
            "cert_digest": DocumentValue(self.certDigest),
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
            "updated_at": DocumentValue(self.updatedAt),
        ])
    }

    /// Reads an authority's certificate; only the PEM frame is checked here.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.cert = reader.requiredString("cert", check: PEMRule.single)
        self.certDigest = reader.string("cert_digest")
        self.tags = reader.tags()
        self.createdAt = reader.seconds("created_at")
        self.updatedAt = reader.seconds("updated_at")
    }
}

/// Rules for the frame of PEM texts; vault references are taken as they are.
enum PEMRule {
    private static let certificateMark = "-----BEGIN CERTIFICATE-----"

    static func certificate(_ text: String) -> String? {
        if let reason = VaultReference.refusal(of: text) { return reason }
        return text.contains(Self.certificateMark) || VaultReference(text) != nil
            ? nil : "invalid certificate: no PEM certificate found"
    }

    static func single(_ text: String) -> String? {
        text.split(separator: Self.certificateMark, omittingEmptySubsequences: false).count == 2
            ? nil : "please submit only one certificate at a time"
    }

    static func publicKey(_ text: String) -> String? {
        if let reason = VaultReference.refusal(of: text) { return reason }
        return text.contains("PUBLIC KEY-----") || VaultReference(text) != nil
            ? nil : "invalid key: no PEM public key found"
    }

    static func key(_ text: String) -> String? {
        if let reason = VaultReference.refusal(of: text) { return reason }
        return text.contains("PRIVATE KEY-----") || VaultReference(text) != nil
            ? nil : "invalid key: no PEM private key found"
    }
}
