internal import MeshEntities

/// Which entities may stand inside which, and which fields refer to which.
enum EntityNesting {
    typealias Child = (kind: EntityKind, field: String)

    private static let children = Self.table(of: Self.nested)
    private static let references = Self.table(of: Self.referring)

    /// The collection that may stand inside an entity under this name, with the child's field for
    /// its parent.
    static func child(_ name: String, of kind: EntityKind) -> Child? { self.children[kind]?[name] }

    /// The kind of what a field refers to, when it does.
    static func reference(_ name: String, of kind: EntityKind) -> EntityKind? {
        self.references[kind]?[name]
    }

    /// What is asked for every entity of a file, made once.
    private static func table<Value>(
        of names: (EntityKind) -> [String: Value]
    ) -> [EntityKind: [String: Value]] {
        Dictionary(uniqueKeysWithValues: EntityKind.allCases.map { ($0, names($0)) })
    }

    private static func nested(in kind: EntityKind) -> [String: Child] {
        switch kind {
        case .services: ["routes": (.routes, "service"), "plugins": (.plugins, "service")]
        case .routes: ["plugins": (.plugins, "route")]
        case .upstreams: ["targets": (.targets, "upstream")]
        case .consumers:
            [
                "plugins": (.plugins, "consumer"), "groups": (.groupMembers, "consumer"),
                "keyauth_credentials": (.keyCredentials, "consumer"),
                "basicauth_credentials": (.basicCredentials, "consumer"),
                "jwt_secrets": (.jwtSecrets, "consumer"),
                "hmacauth_credentials": (.hmacCredentials, "consumer"),
                "mtls_auth_credentials": (.certificateCredentials, "consumer"),
                "acls": (.aclGroups, "consumer"),
            ]
        case .consumerGroups:
            [
                "plugins": (.plugins, "consumer_group"),
                "consumers": (.groupMembers, "consumer_group"),
                "consumer_group_consumers": (.groupMembers, "consumer_group"),
            ]
        case .certificates: ["snis": (.snis, "certificate")]
        case .keySets: ["keys": (.keys, "set")]
        case .targets, .plugins, .snis, .caCertificates, .groupMembers, .keyCredentials,
            .basicCredentials, .jwtSecrets, .hmacCredentials, .certificateCredentials, .aclGroups,
            .vaults, .keys:
            [:]
        }
    }

    private static func referring(from kind: EntityKind) -> [String: EntityKind] {
        switch kind {
        case .services, .upstreams: ["client_certificate": .certificates]
        case .routes: ["service": .services]
        case .targets: ["upstream": .upstreams]
        case .plugins:
            [
                "service": .services, "route": .routes, "consumer": .consumers,
                "consumer_group": .consumerGroups,
            ]
        case .groupMembers: ["consumer": .consumers, "consumer_group": .consumerGroups]
        case .keyCredentials, .basicCredentials, .jwtSecrets, .hmacCredentials, .aclGroups:
            ["consumer": .consumers]
        case .certificateCredentials: ["consumer": .consumers, "ca_certificate": .caCertificates]
        case .snis: ["certificate": .certificates]
        case .keys: ["set": .keySets]
        case .consumers, .consumerGroups, .certificates, .caCertificates, .vaults, .keySets: [:]
        }
    }

    /// The field that a reference by name compares.
    static func nameField(of kind: EntityKind) -> String? {
        switch kind {
        case .services, .routes, .upstreams, .snis, .consumerGroups, .keySets, .keys: "name"
        case .vaults: "prefix"
        case .targets: "target"
        case .consumers, .basicCredentials, .hmacCredentials: "username"
        case .keyCredentials, .jwtSecrets: "key"
        case .plugins: "instance_name"
        // Kong makes no id of a group's name, which many consumers share.
        case .certificates, .caCertificates, .groupMembers, .aclGroups, .certificateCredentials:
            nil
        }
    }

    /// The fields of an entity that stands inside another in a shorthand, as decK writes them:
    /// `groups: [{ name: gold }]` of a consumer, `consumers: [{ username: ann }]` of a group.
    static func spelledOut(
        _ fields: [DocumentField],
        of kind: EntityKind,
        in parentField: String
    ) -> [DocumentField] {
        guard kind == .groupMembers else { return fields }
        return fields.map { field in
            var field = field
            switch (parentField, field.name) {
            case ("consumer", "name"): field.name = "consumer_group"
            case ("consumer_group", "username"): field.name = "consumer"
            default: break
            }
            return field
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

    /// As Kong has no groups, only a plugin that is for one has it in its key.
    private static func group(_ entry: DeclarationReader.Entry) -> [String] {
        let field = "consumer_group"
        let isGiven = entry.node.value[field].map { !$0.isNull } ?? false
        return isGiven || entry.parent?.field == field ? [field] : []
    }

    private static func plugin(
        _ entry: DeclarationReader.Entry,
        _ parent: EntityID?
    ) -> String? {
        var parts = [EntityKind.plugins.rawValue]
        for field in ["name", "route", "service", "consumer"] + Self.group(entry) {
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
    private struct Known {
        var names: [String: EntityID] = [:]
        var ids: Set<EntityID> = []
    }

    private let entries: [DeclarationReader.Entry]
    /// Of the kinds that were asked for.
    private var kinds: [EntityKind: Known] = [:]

    init(_ entries: [DeclarationReader.Entry]) { self.entries = entries }

    mutating func find(_ kind: EntityKind, _ text: String) -> EntityID? {
        let known = self.kinds[kind] ?? self.known(kind)
        self.kinds[kind] = known
        if let id = known.names[text] { return id }
        return EntityID(text).flatMap { known.ids.contains($0) ? $0 : nil }
    }

    private func known(_ kind: EntityKind) -> Known {
        var known = Known()
        let field = EntityNesting.nameField(of: kind)
        for entry in self.entries where entry.kind == kind {
            known.ids.insert(entry.id)
            guard let name = field.flatMap({ entry.node.value[$0]?.text }) else { continue }
            known.names[name] = known.names[name] ?? entry.id
        }
        return known
    }
}
