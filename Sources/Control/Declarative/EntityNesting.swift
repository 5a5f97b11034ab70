internal import MeshEntities

/// Which entities may stand inside which, and which fields refer to which.
enum EntityNesting {
    /// The collections that may stand inside an entity, with the child's field for its parent.
    static func children(of kind: EntityKind) -> [String: (kind: EntityKind, field: String)] {
        switch kind {
        case .services: ["routes": (.routes, "service"), "plugins": (.plugins, "service")]
        case .routes: ["plugins": (.plugins, "route")]
        case .upstreams: ["targets": (.targets, "upstream")]
        case .consumers: ["plugins": (.plugins, "consumer")]
        case .certificates: ["snis": (.snis, "certificate")]
        case .targets, .plugins, .snis, .caCertificates: [:]
        }
    }

    /// The fields that refer to other entities.
    static func references(of kind: EntityKind) -> [String: EntityKind] {
        switch kind {
        case .services, .upstreams: ["client_certificate": .certificates]
        case .routes: ["service": .services]
        case .targets: ["upstream": .upstreams]
        case .plugins: ["service": .services, "route": .routes, "consumer": .consumers]
        case .snis: ["certificate": .certificates]
        case .consumers, .certificates, .caCertificates: [:]
        }
    }

    /// The field that a reference by name compares.
    static func nameField(of kind: EntityKind) -> String? {
        switch kind {
        case .services, .routes, .upstreams, .snis: "name"
        case .targets: "target"
        case .consumers: "username"
        case .plugins: "instance_name"
        case .certificates, .caCertificates: nil
        }
    }
}

/// The text that an entity without an id is known by, exactly as Kong forms it.
enum NaturalKey {
    /// Whether an entity would get the id that it has, were it written without.
    static func gives(_ entity: some GatewayEntity) -> Bool {
        let document = entity.document
        guard let field = EntityNesting.nameField(of: type(of: entity).kind),
            let name = document[field]?.text
        else { return false }
        let upstream = document["upstream"]?["id"]?.text ?? ""
        let key = type(of: entity).kind == .targets ? "\(name):\(upstream)" : name
        return DerivedID.make(type(of: entity).kind, key: key) == entity.id
    }

    static func text(_ entry: DeclarationReader.Entry, parent: EntityID?) -> String? {
        if let field = EntityNesting.nameField(of: entry.kind),
            let name = entry.node.value[field]?.text
        {
            guard entry.kind == .targets else { return name }
            // A target's name is unique within its upstream only.
            return "\(name):\(parent?.description ?? entry.node.value["upstream"]?.text ?? "")"
        }
        return entry.kind == .plugins ? Self.plugin(entry, parent) : nil
    }

    private static func plugin(
        _ entry: DeclarationReader.Entry,
        _ parent: EntityID?
    ) -> String? {
        var parts = [EntityKind.plugins.rawValue]
        for field in ["name", "route", "service", "consumer"] {
            if let text = entry.node.value[field]?.text {
                parts.append(text)
            } else if entry.parent?.field == field {
                parts.append(parent?.description ?? "")
            } else if field == "name" {
                return nil
            } else if let key = entry.node.value[field]?["id"]?.text {
                // Kong leaves references by object out, so that two plugins could share an id.
                parts.append(key)
            } else {
                parts.append("")
            }
        }
        return parts.joined(separator: ":")
    }
}

/// Finds entities by id or name.
struct EntityDirectory {
    private struct Key: Hashable {
        let kind: EntityKind
        let text: String
    }

    private var names: [Key: EntityID] = [:]
    private var ids: [Key: EntityID] = [:]

    mutating func add(_ entry: DeclarationReader.Entry) {
        let text = entry.id.description
        self.ids[Key(kind: entry.kind, text: text)] = entry.id
        guard let field = EntityNesting.nameField(of: entry.kind),
            let name = entry.node.value[field]?.text
        else { return }
        let key = Key(kind: entry.kind, text: name)
        self.names[key] = self.names[key] ?? entry.id
    }

    func find(_ kind: EntityKind, _ text: String) -> EntityID? {
        self.names[Key(kind: kind, text: text)]
            ?? self.ids[Key(kind: kind, text: text.lowercased())]
    }
}
