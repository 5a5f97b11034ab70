extension GatewayConfiguration {
    /// One entity with everything that is needed to show, store or compare it.
    public struct Entry: Equatable, Sendable {
        /// Its collection.
        public var kind: EntityKind
        /// Its primary key.
        public var id: EntityID
        /// Name or other natural key; nil where that is a secret.
        public var name: String?
        /// All fields.
        public var document: DocumentValue

        init<Entity: GatewayEntity>(_ entity: Entity) {
            self.kind = Entity.kind
            self.id = entity.id
            self.name = Entity.hasSecretKey ? nil : entity.naturalKey
            self.document = entity.document
        }
    }

    /// Every entity, what is referred to before what refers to it, by id within a kind.
    public var entries: [Entry] {
        EntityKind.allCases.flatMap { self.entries(of: $0) }
    }

    /// Every entity of one kind in the order of the configuration.
    public func entries(of kind: EntityKind) -> [Entry] {
        self.collection(kind).map { Entry($0) }
    }

    /// Every entity, one document at a time, in the order of ``entries``.
    ///
    /// Documents take ten times the memory of what they are made of: do not keep them all.
    public func forEachEntry(_ body: (Entry) -> Void) {
        for kind in EntityKind.allCases {
            for entity in self.collection(kind) { body(Entry(entity)) }
        }
    }

    /// Every entity as a record: kind, key and body.
    public func entities() -> [(EntityKind, EntityID, DocumentValue)] {
        self.entries.map { ($0.kind, $0.id, $0.document) }
    }

    /// Builds a configuration from records, in any order.
    ///
    /// Does not check references; ``validated(at:)`` does.
    ///
    /// - Throws: ``EntityErrors`` with everything that is wrong in all records.
    public init(records: [(EntityKind, EntityID, DocumentValue)]) throws(EntityErrors) {
        var findings: [Finding] = []
        self.init()
        for (kind, id, document) in records {
            let location = FieldPath([.field(kind.rawValue), .field(id.description)])
            let found = self.append(DocumentNode(document), kind, at: location, &findings)
            guard found != id else { continue }
            findings.append(Finding(at: location, "the record's key is not the entity's id"))
        }
        guard findings.isEmpty else { throw EntityErrors(findings) }
        self = self.sorted()
    }

    /// Reads one entity and adds it to its collection, even when something is wrong with it.
    ///
    /// - Returns: its key; zero when the document has none that can be read.
    @discardableResult
    public mutating func append(
        _ node: DocumentNode,
        _ kind: EntityKind,
        at location: FieldPath,
        _ findings: inout [Finding]
    ) -> EntityID {
        switch kind {
        case .services: Self.append(node, to: &self.services, location, &findings)
        case .routes: Self.append(node, to: &self.routes, location, &findings)
        case .upstreams: Self.append(node, to: &self.upstreams, location, &findings)
        case .targets: Self.append(node, to: &self.targets, location, &findings)
        case .plugins: Self.append(node, to: &self.plugins, location, &findings)
        case .consumers: Self.append(node, to: &self.consumers, location, &findings)
        case .consumerGroups: Self.append(node, to: &self.consumerGroups, location, &findings)
        case .groupMembers: Self.append(node, to: &self.groupMembers, location, &findings)
        case .keyCredentials: Self.append(node, to: &self.keyCredentials, location, &findings)
        case .basicCredentials: Self.append(node, to: &self.basicCredentials, location, &findings)
        case .jwtSecrets: Self.append(node, to: &self.jwtSecrets, location, &findings)
        case .hmacCredentials: Self.append(node, to: &self.hmacCredentials, location, &findings)
        case .certificateCredentials:
            Self.append(node, to: &self.certificateCredentials, location, &findings)
        case .aclGroups: Self.append(node, to: &self.aclGroups, location, &findings)
        case .certificates: Self.append(node, to: &self.certificates, location, &findings)
        case .snis: Self.append(node, to: &self.snis, location, &findings)
        case .caCertificates: Self.append(node, to: &self.caCertificates, location, &findings)
        case .vaults: Self.append(node, to: &self.vaults, location, &findings)
        case .keySets: Self.append(node, to: &self.keySets, location, &findings)
        case .keys: Self.append(node, to: &self.keys, location, &findings)
        }
    }

    /// Adds all entities of another configuration, each kind's behind those that are here.
    public mutating func append(_ other: GatewayConfiguration) {
        self.services.append(allOf: other.services)
        self.routes.append(allOf: other.routes)
        self.upstreams.append(allOf: other.upstreams)
        self.targets.append(allOf: other.targets)
        self.plugins.append(allOf: other.plugins)
        self.consumers.append(allOf: other.consumers)
        self.consumerGroups.append(allOf: other.consumerGroups)
        self.groupMembers.append(allOf: other.groupMembers)
        self.keyCredentials.append(allOf: other.keyCredentials)
        self.basicCredentials.append(allOf: other.basicCredentials)
        self.jwtSecrets.append(allOf: other.jwtSecrets)
        self.hmacCredentials.append(allOf: other.hmacCredentials)
        self.certificateCredentials.append(allOf: other.certificateCredentials)
        self.aclGroups.append(allOf: other.aclGroups)
        self.certificates.append(allOf: other.certificates)
        self.snis.append(allOf: other.snis)
        self.caCertificates.append(allOf: other.caCertificates)
        self.vaults.append(allOf: other.vaults)
        self.keySets.append(allOf: other.keySets)
        self.keys.append(allOf: other.keys)
    }

    private static func append<Entity: GatewayEntity>(
        _ node: DocumentNode,
        to collection: inout EntityList<Entity>,
        _ location: FieldPath,
        _ findings: inout [Finding]
    ) -> EntityID {
        let entity = Entity.decode(node, at: location, findings: &findings)
        collection.append(entity)
        return entity.id
    }

    /// The same entities in the one order that equal configurations share: by id.
    public func sorted() -> GatewayConfiguration {
        var sorted = self
        sorted.services.sortByKey()
        sorted.routes.sortByKey()
        sorted.upstreams.sortByKey()
        sorted.targets.sortByKey()
        sorted.plugins.sortByKey()
        sorted.consumers.sortByKey()
        sorted.consumerGroups.sortByKey()
        sorted.groupMembers.sortByKey()
        sorted.keyCredentials.sortByKey()
        sorted.basicCredentials.sortByKey()
        sorted.jwtSecrets.sortByKey()
        sorted.hmacCredentials.sortByKey()
        sorted.certificateCredentials.sortByKey()
        sorted.aclGroups.sortByKey()
        sorted.certificates.sortByKey()
        sorted.snis.sortByKey()
        sorted.caCertificates.sortByKey()
        sorted.vaults.sortByKey()
        sorted.keySets.sortByKey()
        sorted.keys.sortByKey()
        return sorted
    }

    /// Every entity of one kind as it is, in the order of the configuration; costs O(1).
    public func collection(_ kind: EntityKind) -> EntityCollection {
        switch kind {
        case .services: EntityCollection(self.services)
        case .routes: EntityCollection(self.routes)
        case .upstreams: EntityCollection(self.upstreams)
        case .targets: EntityCollection(self.targets)
        case .plugins: EntityCollection(self.plugins)
        case .consumers: EntityCollection(self.consumers)
        case .consumerGroups: EntityCollection(self.consumerGroups)
        case .groupMembers: EntityCollection(self.groupMembers)
        case .keyCredentials: EntityCollection(self.keyCredentials)
        case .basicCredentials: EntityCollection(self.basicCredentials)
        case .jwtSecrets: EntityCollection(self.jwtSecrets)
        case .hmacCredentials: EntityCollection(self.hmacCredentials)
        case .certificateCredentials: EntityCollection(self.certificateCredentials)
        case .aclGroups: EntityCollection(self.aclGroups)
        case .certificates: EntityCollection(self.certificates)
        case .snis: EntityCollection(self.snis)
        case .caCertificates: EntityCollection(self.caCertificates)
        case .vaults: EntityCollection(self.vaults)
        case .keySets: EntityCollection(self.keySets)
        case .keys: EntityCollection(self.keys)
        }
    }
}
