/// A key that stands for a consumer, for the plugin `key-auth`.
public struct KeyCredential: Equatable, Sendable {
    /// Primary key.
    public var id: EntityID
    /// Whose key it is.
    public var consumer: EntityID
    /// The key itself, unique; a secret.
    public var key: String
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?

    /// Creates a credential.
    public init(id: EntityID, consumer: EntityID, key: String) {
        self.id = id
        self.consumer = consumer
        self.key = key
    }
}

extension KeyCredential: GatewayEntity {
    /// `keyauth_credentials`.
    public static let kind = EntityKind.keyCredentials

    /// The key; as in Kong, a credential may be addressed by it.
    public var naturalKey: String? { self.key }

    /// Whoever knows the key is the consumer.
    public static var hasSecretKey: Bool { true }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "key": .string(self.key),
            "consumer": .reference(self.consumer),
            "ttl": .null,
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
        ])
    }

    /// Reads a credential.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.key = reader.requiredString("key")
        self.consumer = reader.requiredReference("consumer")
        if reader.value("ttl") != nil {
            reader.fail("ttl", "'ttl' is not built yet: the key would never end")
        }
        self.tags = reader.tags()
        self.createdAt = reader.creation()
    }
}
