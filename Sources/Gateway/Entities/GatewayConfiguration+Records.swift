extension GatewayConfiguration {
    /// One entity with everything that is needed to show, store or compare it.
    public struct Entry: Equatable, Sendable {
        /// Its collection.
        public var kind: EntityKind
        /// Its primary key.
        public var id: EntityID
        /// Name or other natural key.
        public var name: String?
        /// All fields.
        public var document: DocumentValue

        init(_ entity: some GatewayEntity) {
            self.kind = type(of: entity).kind
            self.id = entity.id
            self.name = entity.naturalKey
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

    private static func append<Entity: GatewayEntity>(
        _ node: DocumentNode,
        to collection: inout [Entity],
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
        sorted.services.sort { $0.id < $1.id }
        sorted.routes.sort { $0.id < $1.id }
        sorted.upstreams.sort { $0.id < $1.id }
        sorted.targets.sort { $0.id < $1.id }
        sorted.plugins.sort { $0.id < $1.id }
        sorted.consumers.sort { $0.id < $1.id }
        sorted.consumerGroups.sort { $0.id < $1.id }
        sorted.groupMembers.sort { $0.id < $1.id }
        sorted.keyCredentials.sort { $0.id < $1.id }
        sorted.basicCredentials.sort { $0.id < $1.id }
        sorted.jwtSecrets.sort { $0.id < $1.id }
        sorted.hmacCredentials.sort { $0.id < $1.id }
        sorted.certificateCredentials.sort { $0.id < $1.id }
        sorted.aclGroups.sort { $0.id < $1.id }
        sorted.certificates.sort { $0.id < $1.id }
        sorted.snis.sort { $0.id < $1.id }
        sorted.caCertificates.sort { $0.id < $1.id }
        sorted.vaults.sort { $0.id < $1.id }
        sorted.keySets.sort { $0.id < $1.id }
        sorted.keys.sort { $0.id < $1.id }
        return sorted
    }

    func collection(_ kind: EntityKind) -> [any GatewayEntity] {
        switch kind {
        case .services: self.services
        case .routes: self.routes
        case .upstreams: self.upstreams
        case .targets: self.targets
        case .plugins: self.plugins
        case .consumers: self.consumers
        case .consumerGroups: self.consumerGroups
        case .groupMembers: self.groupMembers
        case .keyCredentials: self.keyCredentials
        case .basicCredentials: self.basicCredentials
        case .jwtSecrets: self.jwtSecrets
        case .hmacCredentials: self.hmacCredentials
        case .certificateCredentials: self.certificateCredentials
        case .aclGroups: self.aclGroups
        case .certificates: self.certificates
        case .snis: self.snis
        case .caCertificates: self.caCertificates
        case .vaults: self.vaults
        case .keySets: self.keySets
        case .keys: self.keys
        }
    }
}
