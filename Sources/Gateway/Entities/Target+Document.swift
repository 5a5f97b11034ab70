extension Target: GatewayEntity {
    /// `targets`.
    public static let kind = EntityKind.targets

    /// `host:port`.
    public var naturalKey: String? { self.target }

    /// Every field that Kong has.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "target": .string(self.target),
            "weight": DocumentValue(self.weight),
            "upstream": .reference(self.upstream),
            "failover": DocumentValue(self.failover),
            "tags": .texts(self.tags),
            "created_at": self.createdAt.map { DocumentValue($0) } ?? .null,
            "updated_at": self.updatedAt.map { DocumentValue($0) } ?? .null,
        ])
    }

    /// Reads a target; port 8000 is added when there is none.
    public init(reading reader: inout RecordReader) {
        let moments = 0...Double(Int32.max) * 1_000
        self.id = reader.identifier("id")
        self.target = Self.named(reader.requiredString("target", check: TextRule.target))
        self.weight = reader.integer("weight", in: 0...65_535) ?? 100
        if reader.value("upstream") == nil { reader.fail("upstream", "required field missing") }
        self.upstream = reader.reference("upstream") ?? EntityID(high: 0, low: 0)
        self.failover = reader.bool("failover") ?? false
        self.tags = reader.tags()
        self.createdAt = reader.number("created_at", in: moments)
        self.updatedAt = reader.number("updated_at", in: moments)
    }

    /// The one spelling of a target: port 8000 where none is given, brackets around IPv6.
    static func named(_ text: String) -> String {
        guard let split = HostText(text) else { return text }
        let host = split.host.contains(":") ? "[\(split.host)]" : split.host
        return "\(host):\(split.port ?? 8_000)"
    }
}
