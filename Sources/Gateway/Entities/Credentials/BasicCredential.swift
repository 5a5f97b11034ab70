/// A user name and a password, for the plugin `basic-auth`.
public struct BasicCredential: Equatable, Sendable {
    /// Primary key.
    public var id: EntityID
    /// Whose password it is.
    public var consumer: EntityID
    /// The name that the client gives, unique.
    public var username: String
    /// The password's hash, which says how it was made, or a password that nobody has hashed yet.
    public var password: String
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?

    /// Creates a credential.
    public init(id: EntityID, consumer: EntityID, username: String, password: String) {
        self.id = id
        self.consumer = consumer
        self.username = username
        self.password = password
    }
}

extension BasicCredential: GatewayEntity {
    /// `basicauth_credentials`.
    public static let kind = EntityKind.basicCredentials

    /// The user name.
    public var naturalKey: String? { self.username }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "username": .string(self.username),
            "password": .string(self.password),
            "consumer": .reference(self.consumer),
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
        ])
    }

    /// Reads a credential.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.username = reader.requiredString("username")
        self.password = reader.requiredString("password")
        self.consumer = reader.requiredReference("consumer")
        self.tags = reader.tags()
        self.createdAt = reader.creation()
    }
}
