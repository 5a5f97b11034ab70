internal import MeshEntities

/// Fields that this gateway has and Kong has not, and how they travel in a file that Kong takes.
///
/// Kong passes over `_ignore` of every entity. There they stand as
/// `_ignore: [{ meshgate: { regions: … } }]`, and are read back from there.
enum OwnFields {
    private static let mark = "meshgate"

    private static func names(of kind: EntityKind) -> Set<String> {
        switch kind {
        case .upstreams: ["regions", "limits"]
        case .targets: ["failover"]
        case .plugins: ["consumer_group"]
        case .services, .routes, .consumers, .certificates, .snis, .caCertificates,
            .consumerGroups, .groupMembers, .keyCredentials, .basicCredentials, .jwtSecrets,
            .hmacCredentials, .certificateCredentials, .aclGroups, .vaults, .keySets, .keys:
            []
        }
    }

    /// The fields of an entity, own ones moved to where Kong does not look.
    static func hidden(_ fields: [DocumentField], of kind: EntityKind) -> [DocumentField] {
        let names = Self.names(of: kind)
        let own = fields.filter { names.contains($0.name) }
        guard !own.isEmpty else { return fields }
        let group = DocumentValue.object([DocumentField(Self.mark, .object(own))])
        return fields.filter { !names.contains($0.name) }
            + [DocumentField("_ignore", .list([group]))]
    }

    /// The fields of an entity with own ones back in their place; what is written there wins.
    static func restored(_ fields: [DocumentField], of kind: EntityKind) -> [DocumentField] {
        let names = Self.names(of: kind)
        guard !names.isEmpty,
            let ignored = fields.first(where: { $0.name == "_ignore" })?.node.value.nodes
        else { return fields }
        let own = ignored.compactMap { $0.value[Self.mark]?.fields }.flatMap { $0 }
        let known = Set(fields.map(\.name))
        return fields + own.filter { names.contains($0.name) && !known.contains($0.name) }
    }
}
