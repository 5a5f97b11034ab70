/// A name that a client's certificate may bear, which stands for a consumer, for the plugin
/// `mtls-auth`.
public struct CertificateCredential: Equatable, Sendable {
    /// Primary key.
    public var id: EntityID
    /// Whose certificate it is.
    public var consumer: EntityID
    /// A name of subjectAltName, or the common name; unique for one authority.
    public var subjectName: String
    /// The authority that has to vouch for the certificate; nil for any that the plugin trusts.
    public var authority: EntityID?
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?

    /// Creates a credential.
    public init(id: EntityID, consumer: EntityID, subjectName: String, authority: EntityID? = nil) {
        self.id = id
        self.consumer = consumer
        self.subjectName = subjectName
        self.authority = authority
    }
}

extension CertificateCredential: GatewayEntity {
    /// `mtls_auth_credentials`.
    public static let kind = EntityKind.certificateCredentials

    /// None: as in Kong Enterprise, it is addressed by its id.
    public var naturalKey: String? { nil }

    /// Every field that Kong Enterprise has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "subject_name": .string(self.subjectName),
            "ca_certificate": .reference(self.authority),
            "consumer": .reference(self.consumer),
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
        ])
    }

    /// Reads a credential.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.subjectName = reader.requiredString("subject_name")
        self.authority = reader.reference("ca_certificate")
        self.consumer = reader.requiredReference("consumer")
        self.tags = reader.tags()
        self.createdAt = reader.creation()
    }
}
