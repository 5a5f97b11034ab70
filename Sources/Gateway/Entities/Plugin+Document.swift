extension Plugin: GatewayEntity {
    /// `plugins`.
    public static let kind = EntityKind.plugins

    /// The name of the instance.
    public var naturalKey: String? { self.instanceName }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "name": .string(self.name),
            "instance_name": DocumentValue(self.instanceName),
            "route": .reference(self.route),
            "service": .reference(self.service),
            "consumer": .reference(self.consumer),
            "consumer_group": .reference(self.consumerGroup),
            "config": self.config,
            "protocols": .protocols(self.protocols),
            "enabled": DocumentValue(self.enabled),
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
            "updated_at": DocumentValue(self.updatedAt),
        ])
    }

    /// Reads a plugin; its own settings are checked where the plugin is built.
    public init(reading reader: inout RecordReader) {
        self.init(id: reader.identifier("id"), name: reader.requiredString("name"))
        self.instanceName = reader.name("instance_name")
        self.route = reader.reference("route")
        self.service = reader.reference("service")
        self.consumer = reader.reference("consumer")
        self.consumerGroup = reader.reference("consumer_group")
        if let node = reader.value("config") {
            if case .object = node.value {
                self.config = node.value
                self.refersToVault = VaultReference.isIn(node.value)
            } else {
                reader.fail("config", "expected a record")
            }
        }
        if let protocols: [GatewayProtocol] = reader.choices("protocols") {
            self.protocols = protocols
        }
        self.enabled = reader.bool("enabled") ?? true
        if reader.value("ordering") != nil {
            reader.fail(
                "ordering",
                "'ordering' cannot be obeyed: plugins run in the order of their priorities"
            )
        }
        self.tags = reader.tags()
        self.createdAt = reader.seconds("created_at")
        self.updatedAt = reader.seconds("updated_at")
    }
}
