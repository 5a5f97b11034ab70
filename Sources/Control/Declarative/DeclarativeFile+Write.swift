public import MeshEntities

extension DeclarativeFile {
    /// What a written file is for.
    public enum Purpose: Sendable {
        /// This gateway: everything as it is.
        case mesh
        /// Kong too: fields that Kong has not stand where it does not look, and are read back.
        case kong
        /// People: ids that follow from names are left out.
        case people
    }

    /// Writes a configuration as canonical YAML of format 3.0.
    ///
    /// Children stand inside their parents, entities are sorted by name, ids are written, and what
    /// equals a default is left out. The text reads back as an equal configuration.
    public static func write(
        _ configuration: GatewayConfiguration,
        for purpose: Purpose = .mesh
    ) -> String {
        var writer = YAMLWriter()
        for field in Self.canonical(configuration, for: purpose).fields ?? [] {
            writer.write(field: field.name, field.node.value, indent: 0)
        }
        return writer.text
    }

    /// The document that ``write(_:for:)`` writes.
    public static func canonical(
        _ configuration: GatewayConfiguration,
        for purpose: Purpose = .mesh
    ) -> DocumentValue {
        var fields = [DocumentField("_format_version", .string("3.0"))]
        let tree = DeclarationTree(configuration, for: purpose)
        for kind in [
            EntityKind.vaults, .services, .routes, .upstreams, .consumers, .consumerGroups,
            .plugins,
            .certificates, .caCertificates, .keySets, .keys,
        ] {
            let entities = tree.top(kind)
            guard !entities.isEmpty else { continue }
            fields.append(DocumentField(kind.rawValue, .list(entities)))
        }
        return .object(fields)
    }
}

/// A configuration with children inside their parents and without defaults.
struct DeclarationTree {
    private let configuration: GatewayConfiguration
    private let purpose: DeclarativeFile.Purpose
    private let routes: [EntityID?: [Route]]
    private let targets: [EntityID: [Target]]
    private let names: [EntityID: [SNI]]
    private let members: [EntityID: [GroupMember]]
    private let keys: [EntityID: [KeyCredential]]
    private let passwords: [EntityID: [BasicCredential]]
    private let tokens: [EntityID: [JWTSecret]]
    private let certificateNames: [EntityID: [CertificateCredential]]
    private let signatures: [EntityID: [HMACCredential]]
    private let access: [EntityID: [ACLGroup]]
    /// Plugins by the one entity that they apply to; under `nil` those of no or several.
    private let plugins: [EntityID?: [Plugin]]

    init(_ configuration: GatewayConfiguration, for purpose: DeclarativeFile.Purpose = .mesh) {
        self.configuration = configuration
        self.purpose = purpose
        self.routes = Dictionary(grouping: configuration.routes, by: \.service)
        self.targets = Dictionary(grouping: configuration.targets, by: \.upstream)
        self.names = Dictionary(grouping: configuration.snis, by: \.certificate)
        self.members = Dictionary(grouping: configuration.groupMembers, by: \.consumer)
        self.keys = Dictionary(grouping: configuration.keyCredentials, by: \.consumer)
        self.passwords = Dictionary(grouping: configuration.basicCredentials, by: \.consumer)
        self.tokens = Dictionary(grouping: configuration.jwtSecrets, by: \.consumer)
        self.signatures = Dictionary(grouping: configuration.hmacCredentials, by: \.consumer)
        self.certificateNames = Dictionary(
            grouping: configuration.certificateCredentials,
            by: \.consumer
        )
        self.access = Dictionary(grouping: configuration.aclGroups, by: \.consumer)
        self.plugins = Dictionary(grouping: configuration.plugins) { plugin in
            let scopes = Self.scopes(plugin)
            return scopes.count == 1 ? scopes[0] : nil
        }
    }

    func top(_ kind: EntityKind) -> [DocumentValue] {
        let all = self.configuration
        return switch kind {
        case .services:
            Self.ordered(all.services).map(self.service)
        case .routes:
            Self.ordered(self.routes[nil] ?? []).map(self.route)
        case .upstreams:
            Self.ordered(all.upstreams).map(self.upstream)
        case .consumers:
            Self.ordered(all.consumers).map(self.consumer)
        case .plugins:
            self.plugins(of: nil)
        case .certificates:
            Self.ordered(all.certificates).map(self.certificate)
        case .caCertificates:
            Self.ordered(all.caCertificates).map { self.pruned($0, like: nil) }
        case .consumerGroups:
            Self.ordered(all.consumerGroups).map { group in
                self.pruned(group, like: nil).adding("plugins", self.plugins(of: group.id))
            }
        case .vaults:
            Self.ordered(all.vaults).map { self.pruned($0, like: nil) }
        case .keySets:
            Self.ordered(all.keySets).map { set in
                let keys = all.keys.filter { $0.set == set.id }
                return self.pruned(set, like: nil).adding(
                    "keys",
                    Self.ordered(keys).map { self.pruned($0, like: nil, without: ["set"]) }
                )
            }
        case .keys:
            Self.ordered(all.keys.filter { $0.set == nil }).map { self.pruned($0, like: nil) }
        case .targets, .snis, .groupMembers, .keyCredentials, .basicCredentials, .jwtSecrets,
            .hmacCredentials, .certificateCredentials, .aclGroups:
            []
        }
    }

    private func service(_ service: Service) -> DocumentValue {
        let routes = self.routes[service.id] ?? []
        return Self.flattened(self.pruned(service, like: Service(id: service.id, host: "")))
            .adding("routes", Self.ordered(routes).map(self.route))
            .adding("plugins", self.plugins(of: service.id))
    }

    private func route(_ route: Route) -> DocumentValue {
        self.pruned(route, like: Route(id: route.id), without: ["service"])
            .adding("plugins", self.plugins(of: route.id))
    }

    private func upstream(_ upstream: Upstream) -> DocumentValue {
        let targets = self.targets[upstream.id] ?? []
        return Self.flattened(self.pruned(upstream, like: Upstream(id: upstream.id, name: "")))
            .adding(
                "targets",
                Self.ordered(targets).map { target in
                    let plain = Target(id: target.id, target: "", upstream: target.upstream)
                    return self.pruned(target, like: plain, without: ["upstream"])
                }
            )
    }

    private func consumer(_ consumer: Consumer) -> DocumentValue {
        let id = consumer.id
        return self.pruned(consumer, like: nil)
            .adding("groups", self.owned(self.members[id]))
            .adding("keyauth_credentials", self.owned(self.keys[id]))
            .adding("basicauth_credentials", self.owned(self.passwords[id]))
            .adding("jwt_secrets", self.owned(self.tokens[id]))
            .adding("hmacauth_credentials", self.owned(self.signatures[id]))
            .adding("mtls_auth_credentials", self.owned(self.certificateNames[id]))
            .adding("acls", self.owned(self.access[id]))
            .adding("plugins", self.plugins(of: id))
    }

    private func owned<Entity: GatewayEntity>(_ entities: [Entity]?) -> [DocumentValue] {
        Self.ordered(entities ?? []).map { entity in
            Self.flattened(self.pruned(entity, like: nil, without: ["consumer"]))
        }
    }

    private func certificate(_ certificate: Certificate) -> DocumentValue {
        let names = self.names[certificate.id] ?? []
        return self.pruned(certificate, like: nil)
            .adding(
                "snis",
                Self.ordered(names).map { self.pruned($0, like: nil, without: ["certificate"]) }
            )
    }

    private func plugins(of owner: EntityID?) -> [DocumentValue] {
        let here = self.plugins[owner] ?? []
        return here.sorted { ($0.name, $0.id) < ($1.name, $1.id) }.map { plugin in
            let isNested = Self.scopes(plugin).count == 1
            let plain = Plugin(id: plugin.id, name: "")
            let scope: Set<String> =
                isNested ? ["route", "service", "consumer", "consumer_group"] : []
            let pruned = self.pruned(plugin, like: plain, without: scope)
            return isNested ? pruned : Self.flattened(pruned)
        }
    }

    private static func scopes(_ plugin: Plugin) -> [EntityID] {
        [plugin.route, plugin.service, plugin.consumer, plugin.consumerGroup].compactMap { $0 }
    }

    /// References of a top-level entity as texts, the only form that Kong takes there.
    private static func flattened(_ value: DocumentValue) -> DocumentValue {
        .object(
            (value.fields ?? []).map { field in
                guard
                    ["route", "service", "consumer", "consumer_group", "client_certificate"]
                        .contains(field.name),
                    let id = field.node.value["id"]
                else { return field }
                return DocumentField(field.name, id)
            }
        )
    }

    private static func ordered<Entity: GatewayEntity>(
        _ entities: some Sequence<Entity>
    ) -> [Entity] {
        entities.sorted { ($0.naturalKey ?? "~", $0.id) < ($1.naturalKey ?? "~", $1.id) }
    }

    /// The fields that differ from a plain entity's, the id, and nothing that is null.
    private func pruned<Entity: GatewayEntity>(
        _ entity: Entity,
        like plain: Entity?,
        without: Set<String> = []
    ) -> DocumentValue {
        let fields = (entity.document.fields ?? []).filter { !without.contains($0.name) }
        let kept = Self.difference(.object(fields), plain?.document ?? .null).fields ?? []
        let own = kept.filter { $0.name != "id" }
        let id = [DocumentField("id", .string(entity.id.description))]
        return switch self.purpose {
        case .mesh: .object(id + own)
        case .kong: .object(id + OwnFields.hidden(own, of: Entity.kind))
        case .people: .object((NaturalKey.gives(entity) ? [] : id) + own)
        }
    }

    private static func difference(
        _ value: DocumentValue,
        _ plain: DocumentValue
    ) -> DocumentValue {
        guard let fields = value.fields else { return value }
        return .object(
            fields.compactMap { field in
                let other = plain[field.name] ?? .null
                guard field.node.value != other, !field.node.value.isNull else { return nil }
                // Only Kong's own records have defaults inside; a plugin's settings stay whole.
                guard
                    [
                        "healthchecks", "active", "passive", "healthy", "unhealthy", "regions",
                        "limits",
                    ]
                    .contains(field.name)
                else { return field }
                return DocumentField(field.name, Self.difference(field.node.value, other))
            }
        )
    }
}

extension DocumentValue {
    fileprivate func adding(_ name: String, _ children: [DocumentValue]) -> DocumentValue {
        guard !children.isEmpty else { return self }
        return .object((self.fields ?? []) + [DocumentField(name, .list(children))])
    }
}
