/// Consumers that plugins treat alike, as in Kong Enterprise.
public struct ConsumerGroup: Equatable, Sendable {
    /// Primary key.
    public var id: EntityID
    /// Unique name.
    public var name: String
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?
    /// Unix seconds of the last change.
    public var updatedAt: Int?

    /// Creates a group.
    public init(id: EntityID, name: String) {
        self.id = id
        self.name = name
    }
}

extension ConsumerGroup: GatewayEntity {
    /// `consumer_groups`.
    public static let kind = EntityKind.consumerGroups

    /// The name.
    public var naturalKey: String? { self.name }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "name": .string(self.name),
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
            "updated_at": DocumentValue(self.updatedAt),
        ])
    }

    /// Reads a group.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.name = reader.requiredString("name", check: TextRule.name)
        self.tags = reader.tags()
        self.createdAt = reader.seconds("created_at")
        self.updatedAt = reader.seconds("updated_at")
    }
}

/// That a consumer belongs to a group.
public struct GroupMember: Equatable, Sendable {
    /// Primary key.
    public var id: EntityID
    /// Who belongs to the group.
    public var consumer: EntityID
    /// The group.
    public var consumerGroup: EntityID
    /// Unix seconds of creation.
    public var createdAt: Int?

    /// Makes a consumer belong to a group.
    public init(id: EntityID, consumer: EntityID, consumerGroup: EntityID) {
        self.id = id
        self.consumer = consumer
        self.consumerGroup = consumerGroup
    }
}

extension GroupMember: GatewayEntity {
    /// `consumer_group_consumers`.
    public static let kind = EntityKind.groupMembers

    /// None; a membership is known by its id.
    public var naturalKey: String? { nil }

    /// None: Kong's memberships have no labels.
    public var tags: [String] { [] }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "consumer": .reference(self.consumer),
            "consumer_group": .reference(self.consumerGroup),
            "created_at": DocumentValue(self.createdAt),
        ])
    }

    /// Reads a membership.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.consumer = reader.requiredReference("consumer")
        self.consumerGroup = reader.requiredReference("consumer_group")
        self.createdAt = reader.creation()
    }
}

extension RecordReader {
    /// A reference that must be there; zero when it is not.
    mutating func requiredReference(_ name: String) -> EntityID {
        if self.value(name) == nil { self.fail(name, "required field missing") }
        return self.reference(name) ?? EntityID(high: 0, low: 0)
    }

    /// Unix seconds of creation; credentials have no time of the last change.
    mutating func creation() -> Int? {
        _ = self.seconds("updated_at")
        return self.seconds("created_at")
    }
}
