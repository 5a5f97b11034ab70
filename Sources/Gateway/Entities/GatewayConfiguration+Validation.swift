extension GatewayConfiguration {
    /// Checks that all entities can live together and that this gateway does what they ask for.
    ///
    /// - Parameter places: where the entities stand in their document, for the findings.
    /// - Returns: the same entities, sorted.
    /// - Throws: ``EntityErrors`` with everything that is wrong.
    public func validated(
        at places: EntityPlaces = EntityPlaces()
    ) throws(EntityErrors) -> GatewayConfiguration {
        let findings = self.findings(at: places)
        guard findings.isEmpty else { throw EntityErrors(findings) }
        return self.sorted()
    }

    /// Everything that is wrong between entities, and everything they ask for that is not built.
    public func findings(at places: EntityPlaces = EntityPlaces()) -> [Finding] {
        var check = ConfigurationCheck(configuration: self, places: places)
        check.run()
        return check.findings + UnbuiltFeatures.findings(in: self, at: places)
    }

    /// What is wrong with some entities of a configuration whose names are unique, whose references
    /// resolve, and whose other entities are right.
    ///
    /// - Parameter ids: of all that has changed, and of services whose routes have.
    /// - Returns: findings as ``findings(at:)`` gives them; empty when nothing is wrong.
    public func findings(touching ids: Set<EntityID>) -> [Finding] {
        var check = ConfigurationCheck(configuration: self, places: EntityPlaces())
        check.checkPlugins { plugin in
            [plugin.id, plugin.route, plugin.service].contains { $0.map(ids.contains) ?? false }
        }
        var part = GatewayConfiguration()
        part.upstreams = self.upstreams.filter { ids.contains($0.id) }
        part.plugins = self.plugins.filter { ids.contains($0.id) }
        return check.findings + UnbuiltFeatures.findings(in: part, at: EntityPlaces())
    }
}

/// Kong's rules between entities: keys, names, references, plugin scopes.
struct ConfigurationCheck {
    let configuration: GatewayConfiguration
    let places: EntityPlaces
    /// Places of routes; empty when no plugin asks for them.
    private let routesByService: [EntityID: [Int]]
    /// Entities whose name, or what stands for it, another one has.
    private var repeated: Set<Place> = []
    private(set) var findings: [Finding] = []

    /// One entity of the configuration.
    private struct Place: Hashable {
        let kind: EntityKind
        let index: Int
    }

    init(configuration: GatewayConfiguration, places: EntityPlaces) {
        self.configuration = configuration
        self.places = places
        var routes: [EntityID: [Int]] = [:]
        if configuration.plugins.contains(where: { $0.service != nil }) {
            for (place, route) in configuration.routes.enumerated() {
                guard let service = route.service else { continue }
                routes[service, default: []].append(place)
            }
        }
        self.routesByService = routes
    }

    mutating func run() {
        self.checkUniqueness()
        self.checkReferences()
        self.checkPlugins { _ in true }
        self.checkVaults()
        let all = self.configuration
        self.checkKeys(.certificates, all.certificates)
        self.checkKeys(.caCertificates, all.caCertificates)
        self.checkKeys(.snis, all.snis)
        self.checkKeys(.services, all.services)
        self.checkKeys(.routes, all.routes)
        self.checkKeys(.upstreams, all.upstreams)
        self.checkKeys(.targets, all.targets)
        self.checkKeys(.consumers, all.consumers)
        self.checkKeys(.consumerGroups, all.consumerGroups)
        self.checkKeys(.groupMembers, all.groupMembers)
        self.checkKeys(.keyCredentials, all.keyCredentials)
        self.checkKeys(.basicCredentials, all.basicCredentials)
        self.checkKeys(.jwtSecrets, all.jwtSecrets)
        self.checkKeys(.hmacCredentials, all.hmacCredentials)
        self.checkKeys(.certificateCredentials, all.certificateCredentials)
        self.checkKeys(.aclGroups, all.aclGroups)
        self.checkKeys(.plugins, all.plugins)
        self.checkKeys(.vaults, all.vaults)
        self.checkKeys(.keySets, all.keySets)
        self.checkKeys(.keys, all.keys)
    }

    /// Reports keys that repeat, unless the names do: a derived key follows from its name, and
    /// nobody wrote it.
    private mutating func checkKeys(_ kind: EntityKind, _ entities: EntityList<some GatewayEntity>)
    {
        // Sorted collections show by neighbours that no key repeats.
        let isRising = entities.indices.dropFirst().allSatisfy {
            entities[$0 - 1].id < entities[$0].id
        }
        guard !isRising else { return }
        var seen = Set<EntityID>(minimumCapacity: entities.count + 1)
        seen.insert(EntityID(high: 0, low: 0))
        for (index, entity) in entities.enumerated()
        where !seen.insert(entity.id).inserted && entity.id != EntityID(high: 0, low: 0) {
            guard !self.repeated.contains(Place(kind: kind, index: index)) else { continue }
            self.add(
                kind,
                index,
                "id",
                "uniqueness violation: '\(kind.rawValue)' entity with primary key set to "
                    + "'\(entity.id)' already declared"
            )
        }
    }

    private mutating func checkUniqueness() {
        let all = self.configuration
        self.unique(.services, "name", all.services.map(\.name))
        self.unique(.routes, "name", all.routes.map(\.name))
        self.unique(.upstreams, "name", all.upstreams.map(\.name))
        self.unique(.consumers, "username", all.consumers.map(\.username))
        self.unique(.consumers, "custom_id", all.consumers.map(\.customID))
        self.unique(.consumerGroups, "name", all.consumerGroups.map(\.name))
        self.unique(.keyCredentials, "key", all.keyCredentials.map(\.key), shown: Secrets.mask)
        self.unique(.basicCredentials, "username", all.basicCredentials.map(\.username))
        self.unique(.jwtSecrets, "key", all.jwtSecrets.map(\.key))
        self.unique(.hmacCredentials, "username", all.hmacCredentials.map(\.username))
        self.unique(
            .certificateCredentials,
            "subject_name",
            all.certificateCredentials.map(\.subjectName),
            within: all.certificateCredentials.map { $0.authority ?? EntityID(high: 0, low: 0) }
        )
        self.unique(
            .aclGroups,
            "group",
            all.aclGroups.map(\.group),
            within: all.aclGroups.map(\.consumer)
        )
        self.unique(
            .groupMembers,
            "consumer_group",
            all.groupMembers.map(\.consumerGroup.description),
            within: all.groupMembers.map(\.consumer)
        )
        self.unique(.plugins, "instance_name", all.plugins.map(\.instanceName))
        self.unique(.snis, "name", all.snis.map(\.name))
        self.unique(.vaults, "prefix", all.vaults.map(\.prefix))
        self.unique(.keySets, "name", all.keySets.map(\.name))
        self.unique(.keys, "name", all.keys.map(\.name))
        self.unique(
            .keys,
            "kid",
            all.keys.map(\.kid),
            within: all.keys.map { $0.set ?? EntityID(high: 0, low: 0) }
        )
        self.unique(.caCertificates, "cert_digest", all.caCertificates.map(\.certDigest))
        self.unique(
            .targets,
            "target",
            all.targets.map { $0.target.isEmpty ? nil : $0.target },
            within: all.targets.map(\.upstream)
        )
    }

    /// Reports texts that repeat, per scope when there is one.
    private mutating func unique(
        _ kind: EntityKind,
        _ field: String,
        _ values: [String?],
        within scopes: [EntityID] = [],
        shown: String? = nil
    ) {
        struct Key: Hashable {
            let text: String
            let scope: EntityID?
        }
        var seen: Set<Key> = []
        seen.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            guard let text = value, !text.isEmpty else { continue }
            let scope = scopes.indices.contains(index) ? scopes[index] : nil
            guard !seen.insert(Key(text: text, scope: scope)).inserted else { continue }
            self.repeated.insert(Place(kind: kind, index: index))
            self.add(
                kind,
                index,
                field,
                "uniqueness violation: '\(kind.rawValue)' entity with \(field) set to "
                    + "'\(shown ?? text)' already declared"
            )
        }
    }

    private mutating func checkReferences() {
        let all = self.configuration
        let services = Set(all.services.map(\.id))
        let routes = Set(all.routes.map(\.id))
        let upstreams = Set(all.upstreams.map(\.id))
        let consumers = Set(all.consumers.map(\.id))
        let groups = Set(all.consumerGroups.map(\.id))
        let certificates = Set(all.certificates.map(\.id))
        let authorities = Set(all.caCertificates.map(\.id))
        for (index, route) in all.routes.enumerated() {
            self.refer(.routes, index, "service", route.service, services, .services)
        }
        for (index, target) in all.targets.enumerated() {
            self.refer(.targets, index, "upstream", target.upstream, upstreams, .upstreams)
        }
        for (index, plugin) in all.plugins.enumerated() {
            self.refer(.plugins, index, "service", plugin.service, services, .services)
            self.refer(.plugins, index, "route", plugin.route, routes, .routes)
            self.refer(.plugins, index, "consumer", plugin.consumer, consumers, .consumers)
            let group = plugin.consumerGroup
            self.refer(.plugins, index, "consumer_group", group, groups, .consumerGroups)
            guard plugin.name == "mtls-auth" else { continue }
            for authority in EntityKind.plugins.authorities(in: plugin.document)
            where EntityID(authority).map({ !authorities.contains($0) }) ?? false {
                self.findings.append(
                    self.places.finding(
                        .plugins,
                        index,
                        path: ["config", ForeignKey.authorities[...]],
                        "the following CA certificates do not exist: \(authority)"
                    )
                )
            }
        }
        for (index, member) in all.groupMembers.enumerated() {
            let group = member.consumerGroup
            self.refer(.groupMembers, index, "consumer_group", group, groups, .consumerGroups)
        }
        self.checkOwners(.groupMembers, all.groupMembers.map(\.consumer), consumers)
        self.checkOwners(.keyCredentials, all.keyCredentials.map(\.consumer), consumers)
        self.checkOwners(.basicCredentials, all.basicCredentials.map(\.consumer), consumers)
        self.checkOwners(.jwtSecrets, all.jwtSecrets.map(\.consumer), consumers)
        self.checkOwners(.hmacCredentials, all.hmacCredentials.map(\.consumer), consumers)
        self.checkOwners(.aclGroups, all.aclGroups.map(\.consumer), consumers)
        self.checkCertificateNames(consumers, authorities)
        for (index, sni) in all.snis.enumerated() {
            self.refer(.snis, index, "certificate", sni.certificate, certificates, .certificates)
        }
        let sets = Set(all.keySets.map(\.id))
        for (index, key) in all.keys.enumerated() {
            self.refer(.keys, index, "set", key.set, sets, .keySets)
        }
        for (index, service) in all.services.enumerated() {
            let shown = service.clientCertificate
            self.refer(.services, index, "client_certificate", shown, certificates, .certificates)
            for authority in service.caCertificates where !authorities.contains(authority) {
                self.add(
                    .services,
                    index,
                    "ca_certificates",
                    "the following CA certificates do not exist: \(authority)"
                )
            }
        }
        for (index, upstream) in all.upstreams.enumerated() {
            let shown = upstream.clientCertificate
            self.refer(.upstreams, index, "client_certificate", shown, certificates, .certificates)
        }
    }

    private mutating func checkCertificateNames(
        _ consumers: Set<EntityID>,
        _ authorities: Set<EntityID>
    ) {
        let kind = EntityKind.certificateCredentials
        let all = self.configuration.certificateCredentials
        self.checkOwners(kind, all.map(\.consumer), consumers)
        for (index, credential) in all.enumerated() {
            let authority = credential.authority
            self.refer(kind, index, "ca_certificate", authority, authorities, .caCertificates)
        }
    }

    private mutating func checkOwners(
        _ kind: EntityKind,
        _ owners: [EntityID],
        _ consumers: Set<EntityID>
    ) {
        for (index, owner) in owners.enumerated() {
            self.refer(kind, index, "consumer", owner, consumers, .consumers)
        }
    }

    private mutating func refer(
        _ kind: EntityKind,
        _ index: Int,
        _ field: String,
        _ id: EntityID?,
        _ known: Set<EntityID>,
        _ target: EntityKind
    ) {
        guard let id, id != EntityID(high: 0, low: 0), !known.contains(id) else { return }
        self.add(
            kind,
            index,
            field,
            "invalid reference '\(field): {\"id\":\"\(id)\"}' "
                + "(no such entry in '\(target.rawValue)')"
        )
    }

    fileprivate mutating func checkPlugins(where isChecked: (Plugin) -> Bool) {
        guard self.configuration.plugins.contains(where: isChecked) else { return }
        var seen: Set<String> = []
        let routes = Dictionary(
            self.configuration.routes.enumerated().map { ($1.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        for (index, plugin) in self.configuration.plugins.enumerated() where isChecked(plugin) {
            let scope = [plugin.route, plugin.service, plugin.consumer, plugin.consumerGroup].map {
                id in
                id.map(\.description) ?? "-"
            }
            let key = "\(plugin.name) \(scope.joined(separator: " "))"
            if !seen.insert(key).inserted {
                self.repeated.insert(Place(kind: .plugins, index: index))
                self.add(
                    .plugins,
                    index,
                    "name",
                    "uniqueness violation: 'plugins' entity with name set to '\(plugin.name)' "
                        + "already declared for the same route, service and consumer"
                )
            }
            if let route = plugin.route.flatMap({ routes[$0] }),
                !Self.meet(plugin.protocols, self.configuration.routes[route].protocols)
            {
                self.add(
                    .plugins,
                    index,
                    "protocols",
                    "must match the associated route's protocols"
                )
            }
            self.checkServiceProtocols(plugin, index)
        }
    }

    private mutating func checkServiceProtocols(_ plugin: Plugin, _ index: Int) {
        guard let service = plugin.service, let routes = self.routesByService[service] else {
            return
        }
        let served = routes.flatMap { self.configuration.routes[$0].protocols }
        guard !Self.meet(plugin.protocols, served) else { return }
        self.add(
            .plugins,
            index,
            "protocols",
            "must match the protocols of at least one route pointing to this Plugin's service"
        )
    }

    /// Reports references to vaults that are not there.
    private mutating func checkVaults() {
        let known = Set(self.configuration.vaults.map(\.prefix) + [Vault.environment])
        for (index, certificate) in self.configuration.certificates.enumerated() {
            for (field, text) in [
                ("cert", certificate.cert), ("key", certificate.key),
                ("cert_alt", certificate.certAlt ?? ""), ("key_alt", certificate.keyAlt ?? ""),
            ] {
                self.checkVaults(of: .string(text), known, .certificates, index, field)
            }
        }
        for (index, plugin) in self.configuration.plugins.enumerated() where plugin.refersToVault {
            self.checkVaults(of: plugin.config, known, .plugins, index, "config")
        }
    }

    private mutating func checkVaults(
        of value: DocumentValue,
        _ known: Set<String>,
        _ kind: EntityKind,
        _ index: Int,
        _ field: String
    ) {
        for reference in VaultReference.all(in: value) where !known.contains(reference.vault) {
            self.add(
                kind,
                index,
                field,
                "vault '\(reference.vault)' does not exist: add it to 'vaults', "
                    + "or write {vault://env/…}"
            )
        }
    }

    /// Whether a plugin runs for any protocol that is served.
    private static func meet(_ plugin: [GatewayProtocol], _ served: [GatewayProtocol]) -> Bool {
        let served = served.map(\.pluginProtocol)
        return plugin.contains { served.contains($0.pluginProtocol) }
    }

    private mutating func add(
        _ kind: EntityKind,
        _ index: Int,
        _ field: String,
        _ message: String
    ) {
        self.findings.append(self.places.finding(kind, index, field, message))
    }
}
