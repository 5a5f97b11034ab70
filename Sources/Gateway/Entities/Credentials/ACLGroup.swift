/// That a consumer belongs to a group of the plugin `acl`.
public struct ACLGroup: Equatable, Sendable {
    /// Primary key.
    public var id: EntityID
    /// Who belongs to the group.
    public var consumer: EntityID
    /// The group's name; unique for one consumer.
    public var group: String
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?

    /// Makes a consumer belong to a group.
    public init(id: EntityID, consumer: EntityID, group: String) {
        self.id = id
        self.consumer = consumer
        self.group = group
    }
}

extension ACLGroup: GatewayEntity {
    /// `acls`.
    public static let kind = EntityKind.aclGroups

    /// The group's name, which is unique for one consumer only.
    public var naturalKey: String? { self.group }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "group": .string(self.group),
            "consumer": .reference(self.consumer),
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
        ])
    }

    /// Reads a membership.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.group = reader.requiredString("group")
        self.consumer = reader.requiredReference("consumer")
        self.tags = reader.tags()
        self.createdAt = reader.creation()
    }
}
