/// A field that refers to an entity of another kind.
public struct ForeignKey: Equatable, Sendable {
    /// What happens to what refers to an entity that goes.
    public enum Deletion: Equatable, Sendable {
        /// The entity stays as long as anything refers to it.
        case restrict
        /// What refers to it goes with it.
        case cascade
    }

    /// The kind that refers.
    public var child: EntityKind
    /// The field that refers, an object `{"id": "…"}`.
    public var field: String
    /// The kind that is referred to.
    public var parent: EntityKind
    /// What happens when the entity that is referred to goes.
    public var deletion: Deletion

    /// Every foreign key there is, as in Kong; those of server names and targets are required.
    ///
    /// Source: Kong's `kong/db/schema/entities/*.lua` and `kong/db/dao/certificates.lua`, version
    /// 3.9.
    public static let all = [
        ForeignKey(child: .routes, field: "service", parent: .services, deletion: .restrict),
        ForeignKey(child: .plugins, field: "route", parent: .routes, deletion: .cascade),
        ForeignKey(child: .plugins, field: "service", parent: .services, deletion: .cascade),
        ForeignKey(child: .plugins, field: "consumer", parent: .consumers, deletion: .cascade),
        ForeignKey(
            child: .plugins,
            field: "consumer_group",
            parent: .consumerGroups,
            deletion: .cascade
        ),
        ForeignKey(
            child: .groupMembers,
            field: "consumer_group",
            parent: .consumerGroups,
            deletion: .cascade
        ),
        ownership(.groupMembers), ownership(.keyCredentials), ownership(.basicCredentials),
        ownership(.jwtSecrets), ownership(.hmacCredentials), ownership(.aclGroups),
        ownership(.certificateCredentials),
        ForeignKey(
            child: .certificateCredentials,
            field: "ca_certificate",
            parent: .caCertificates,
            deletion: .cascade
        ),
        ForeignKey(child: .targets, field: "upstream", parent: .upstreams, deletion: .cascade),
        ForeignKey(child: .snis, field: "certificate", parent: .certificates, deletion: .cascade),
        ForeignKey(child: .keys, field: "set", parent: .keySets, deletion: .cascade),
        ForeignKey(
            child: .services,
            field: "client_certificate",
            parent: .certificates,
            deletion: .restrict
        ),
        ForeignKey(
            child: .upstreams,
            field: "client_certificate",
            parent: .certificates,
            deletion: .restrict
        ),
    ]

    fileprivate static let byChild = Dictionary(grouping: Self.all, by: \.child)

    /// What goes with its consumer.
    private static func ownership(_ child: EntityKind) -> ForeignKey {
        ForeignKey(child: child, field: "consumer", parent: .consumers, deletion: .cascade)
    }

    /// The list of authorities that an entity trusts; no foreign key in Kong, but checked like one.
    public static let authorities = "ca_certificates"
}

extension EntityKind {
    /// The authorities that an entity of this kind trusts, as they are written: those of a service, and
    /// those that the plugin `mtls-auth` takes clients' certificates from.
    public func authorities(in document: DocumentValue) -> [String] {
        let owner: DocumentValue? =
            switch self {
            case .services: document
            case .plugins where document["name"]?.text == "mtls-auth": document["config"]
            default: nil
            }
        return (owner?[ForeignKey.authorities]?.elements ?? []).compactMap(\.text)
    }

    /// Where ``authorities(in:)`` stand.
    var authoritiesField: FieldPath {
        let list = FieldPath.Step.field(ForeignKey.authorities)
        return FieldPath(self == .plugins ? [.field("config"), list] : [list])
    }

    /// The fields of this kind that refer to others.
    public var foreignKeys: [ForeignKey] { ForeignKey.byChild[self] ?? [] }

    /// The fields of other kinds that refer to this one.
    public var referrers: [ForeignKey] { ForeignKey.all.filter { $0.parent == self } }

    /// The field by which an entity may be addressed beside its id; `nil` for certificates.
    public var endpointKey: String? {
        switch self {
        case .services, .routes, .upstreams, .snis, .consumerGroups, .keySets, .keys: "name"
        case .vaults: "prefix"
        case .targets: "target"
        case .consumers, .basicCredentials, .hmacCredentials: "username"
        case .keyCredentials, .jwtSecrets: "key"
        case .aclGroups: "group"
        case .plugins: "instance_name"
        case .certificates, .caCertificates, .groupMembers, .certificateCredentials: nil
        }
    }

    /// The fields whose value no two entities of this kind share.
    public var uniqueFields: [String] {
        switch self {
        case .services, .routes, .upstreams, .snis, .consumerGroups, .keySets, .keys: ["name"]
        case .vaults: ["prefix"]
        case .basicCredentials, .hmacCredentials: ["username"]
        case .keyCredentials, .jwtSecrets: ["key"]
        case .consumers: ["username", "custom_id"]
        case .plugins: ["instance_name"]
        case .caCertificates: ["cert_digest"]
        case .targets, .certificates, .aclGroups, .groupMembers, .certificateCredentials: []
        }
    }

    /// Fields whose values together no two entities of this kind share.
    public var uniqueTogether: [String] {
        switch self {
        case .targets: ["target", "upstream"]
        case .plugins: ["name", "route", "service", "consumer", "consumer_group"]
        case .aclGroups: ["consumer", "group"]
        case .groupMembers: ["consumer", "consumer_group"]
        case .certificateCredentials: ["subject_name", "ca_certificate"]
        case .keys: ["kid", "set"]
        case .services, .routes, .upstreams, .snis, .consumers, .certificates, .caCertificates,
            .consumerGroups, .keyCredentials, .basicCredentials, .jwtSecrets, .hmacCredentials,
            .vaults, .keySets:
            []
        }
    }

    /// Fields that a write through the Admin API fills in with random text when they are not given.
    var generatedFields: [String] {
        switch self {
        case .keyCredentials: ["key"]
        case .jwtSecrets: ["key", "secret"]
        case .hmacCredentials: ["secret"]
        case .services, .routes, .upstreams, .snis, .consumers, .plugins, .targets, .caCertificates,
            .certificates, .consumerGroups, .groupMembers, .aclGroups, .basicCredentials, .vaults,
            .keySets, .keys, .certificateCredentials:
            []
        }
    }

    /// Fields that hold secrets: never shown, never logged.
    public var secretFields: [String] {
        switch self {
        case .certificates: ["key", "key_alt"]
        case .keys: ["jwk"]
        case .services, .routes, .upstreams, .snis, .consumers, .plugins, .targets, .caCertificates,
            .consumerGroups, .groupMembers, .aclGroups, .keyCredentials, .basicCredentials,
            .jwtSecrets, .hmacCredentials, .vaults, .keySets, .certificateCredentials:
            []
        }
    }
}

extension DocumentValue {
    /// The id that a foreign key holds.
    public func reference(_ field: String) -> EntityID? {
        self[field]?["id"]?.text.flatMap { EntityID($0) }
    }

    /// Replaces the value of a field, or adds it at the end; nothing happens to what is no object.
    public mutating func set(_ name: String, _ value: DocumentValue) {
        guard case .object(var fields) = self else { return }
        if let index = fields.firstIndex(where: { $0.name == name }) {
            fields[index].node.value = value
        } else {
            fields.append(DocumentField(name, value))
        }
        self = .object(fields)
    }

    /// Takes a field away.
    ///
    /// - Returns: its value, or `nil` when there was none.
    @discardableResult
    public mutating func remove(_ name: String) -> DocumentValue? {
        guard case .object(var fields) = self,
            let index = fields.firstIndex(where: { $0.name == name })
        else { return nil }
        let value = fields.remove(at: index).node.value
        self = .object(fields)
        return value
    }
}
