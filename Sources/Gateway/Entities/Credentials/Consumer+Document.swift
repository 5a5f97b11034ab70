extension Consumer: GatewayEntity {
    /// `consumers`.
    public static let kind = EntityKind.consumers

    /// The user name.
    public var naturalKey: String? { self.username }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "username": DocumentValue(self.username),
            "custom_id": DocumentValue(self.customID),
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
            "updated_at": DocumentValue(self.updatedAt),
        ])
    }

    /// Reads a consumer.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.username = reader.string("username")
        self.customID = reader.string("custom_id")
        self.tags = reader.tags()
        self.createdAt = reader.seconds("created_at")
        self.updatedAt = reader.seconds("updated_at")
        if self.username == nil, self.customID == nil {
            reader.failEntity(
                "at least one of these fields must be non-empty: 'custom_id', 'username'"
            )
        }
    }
}
