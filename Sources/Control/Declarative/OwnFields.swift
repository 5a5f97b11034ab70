internal import MeshEntities

/// Fields that this gateway has and Kong has not, and how they travel in a file that Kong takes.
///
/// Kong passes over `_ignore` of every entity. There they stand as
/// `_ignore: [{ meshgate: { regions: … } }]`, and are read back from there.
enum OwnFields {
    private static let mark = "meshgate"

    private static let names: [EntityKind: Set<String>] = [
        .upstreams: ["regions", "limits"], .targets: ["failover"], .plugins: ["consumer_group"],
    ]

    /// The fields of an entity, own ones moved to where Kong does not look.
    static func hidden(_ fields: [DocumentField], of kind: EntityKind) -> [DocumentField] {
        guard let names = Self.names[kind] else { return fields }
        let own = fields.filter { names.contains($0.name) }
        guard !own.isEmpty else { return fields }
        let group = DocumentValue.object([DocumentField(Self.mark, .object(own))])
        return fields.filter { !names.contains($0.name) }
            + [DocumentField("_ignore", .list([group]))]
    }

    /// The fields of an entity with own ones back in their place; what is written there wins.
    static func restored(_ fields: [DocumentField], of kind: EntityKind) -> [DocumentField] {
        guard let names = Self.names[kind],
            let ignored = fields.first(where: { $0.name == "_ignore" })?.node.value.nodes
        else { return fields }
        let own = ignored.compactMap { $0.value[Self.mark]?.fields }.flatMap { $0 }
        let known = Set(fields.map(\.name))
        return fields + own.filter { names.contains($0.name) && !known.contains($0.name) }
    }
}
