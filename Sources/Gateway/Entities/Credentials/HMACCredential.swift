/// A user name and a secret that requests are signed with, for the plugin `hmac-auth`.
public struct HMACCredential: Equatable, Sendable {
    /// Primary key.
    public var id: EntityID
    /// Whose secret it is.
    public var consumer: EntityID
    /// The name that the client gives, unique.
    public var username: String
    /// The secret that both sides know.
    public var secret: String
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?

    /// Creates a credential.
    public init(id: EntityID, consumer: EntityID, username: String, secret: String) {
        self.id = id
        self.consumer = consumer
        self.username = username
        self.secret = secret
    }
}

extension HMACCredential: GatewayEntity {
    /// `hmacauth_credentials`.
    public static let kind = EntityKind.hmacCredentials

    /// The user name.
    public var naturalKey: String? { self.username }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "username": .string(self.username),
            "secret": .string(self.secret),
            "consumer": .reference(self.consumer),
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
        ])
    }

    /// Reads a credential.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.username = reader.requiredString("username")
        self.secret = reader.requiredString("secret")
        self.consumer = reader.requiredReference("consumer")
        self.tags = reader.tags()
        self.createdAt = reader.creation()
    }
}
