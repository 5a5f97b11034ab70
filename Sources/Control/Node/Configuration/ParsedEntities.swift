import MeshEntities

/// The stored entities, read; a change costs the entities that changed, not all of them.
///
/// An entity whose key and body are those of the state before is taken over as it was read then.
/// States hold their entities in the order of keys, and so does the configuration.
struct ParsedEntities: Sendable {
    private struct Row {
        var stored: StoredEntity
        var fingerprint: UInt64
    }

    private(set) var configuration = GatewayConfiguration()
    /// Of all entities, whatever their order; equal for equal entities.
    private(set) var fingerprint: UInt64 = 0
    private var rows: [Row] = []

    /// Reads what is new in a state.
    ///
    /// - Throws: ``StoredEntityError`` with everything that cannot be read; what was read before stays.
    mutating func update(to entities: [StoredEntity]) throws(StoredEntityError) {
        if try self.replaceBodies(entities) { return }
        for index in entities.indices.dropFirst() {
            let (before, key) = (entities[index - 1].key, entities[index].key)
            guard before < key else { throw .unordered(key) }
        }
        var next = ParsedEntities()
        next.rows.reserveCapacity(entities.count)
        var findings: [Finding] = []
        var start = 0
        while start < entities.count {
            let kind = try Self.kind(of: entities[start].key)
            var end = start + 1
            while end < entities.count, Self.belongs(entities[end].key, to: kind) { end += 1 }
            next.read(entities[start..<end], of: kind, reusing: self, &findings)
            start = end
        }
        guard findings.isEmpty else { throw .unreadable(findings) }
        self = next
    }

    /// The configuration of some entities for showing: without those that cannot be read, and without
    /// looking at references.
    static func readable(_ entities: [StoredEntity]) -> GatewayConfiguration {
        var parsed = ParsedEntities()
        guard (try? parsed.update(to: entities)) == nil else { return parsed.configuration }
        let readable = entities.filter { entity in
            var alone = ParsedEntities()
            return (try? alone.update(to: [entity])) != nil
        }
        try? parsed.update(to: readable)
        return parsed.configuration
    }

    /// The fingerprint of a configuration that is not stored yet.
    static func fingerprint(of configuration: GatewayConfiguration) -> UInt64 {
        var sum: UInt64 = 0
        configuration.forEachEntry { entry in
            let key = "\(entry.kind.rawValue)/\(entry.id)"
            sum ^= Self.fingerprint(
                of: StoredEntity(key: key, body: entry.document.canonicalJSON)
            )
        }
        return sum
    }

    /// Reads again what has another body, when the keys are the same.
    ///
    /// - Returns: whether they are.
    private mutating func replaceBodies(
        _ entities: [StoredEntity]
    ) throws(StoredEntityError) -> Bool {
        guard entities.count == self.rows.count else { return false }
        var changed: [Int] = []
        for index in entities.indices {
            guard entities[index].key == self.rows[index].stored.key else { return false }
            if entities[index].body != self.rows[index].stored.body { changed.append(index) }
        }
        guard !changed.isEmpty else { return true }
        var findings: [Finding] = []
        var read: [(place: Int, index: Int, row: Row, entity: any GatewayEntity)] = []
        for index in changed {
            let kind = try Self.kind(of: entities[index].key)
            let entity = kind.type.read(entities[index], &findings)
            let row = Row(
                stored: entities[index],
                fingerprint: Self.fingerprint(of: entities[index])
            )
            read.append((index, index - self.firstRow(of: kind), row, entity))
        }
        guard findings.isEmpty else { throw .unreadable(findings) }
        for (place, index, row, entity) in read {
            self.fingerprint ^= self.rows[place].fingerprint ^ row.fingerprint
            self.rows[place] = row
            self.configuration.replace(at: index, by: entity)
        }
        return true
    }

    private mutating func read(
        _ entities: ArraySlice<StoredEntity>,
        of kind: EntityKind,
        reusing old: ParsedEntities,
        _ findings: inout [Finding]
    ) {
        switch kind {
        case .services: self.read(entities, \.services, kind, old, &findings)
        case .routes: self.read(entities, \.routes, kind, old, &findings)
        case .upstreams: self.read(entities, \.upstreams, kind, old, &findings)
        case .targets: self.read(entities, \.targets, kind, old, &findings)
        case .plugins: self.read(entities, \.plugins, kind, old, &findings)
        case .consumers: self.read(entities, \.consumers, kind, old, &findings)
        case .consumerGroups: self.read(entities, \.consumerGroups, kind, old, &findings)
        case .groupMembers: self.read(entities, \.groupMembers, kind, old, &findings)
        case .keyCredentials: self.read(entities, \.keyCredentials, kind, old, &findings)
        case .basicCredentials: self.read(entities, \.basicCredentials, kind, old, &findings)
        case .jwtSecrets: self.read(entities, \.jwtSecrets, kind, old, &findings)
        case .hmacCredentials: self.read(entities, \.hmacCredentials, kind, old, &findings)
        case .aclGroups: self.read(entities, \.aclGroups, kind, old, &findings)
        case .certificates: self.read(entities, \.certificates, kind, old, &findings)
        case .snis: self.read(entities, \.snis, kind, old, &findings)
        case .caCertificates: self.read(entities, \.caCertificates, kind, old, &findings)
        }
    }

    /// Reads one collection; both states are walked in the order of keys.
    private mutating func read<Entity: GatewayEntity>(
        _ entities: ArraySlice<StoredEntity>,
        _ collection: WritableKeyPath<GatewayConfiguration, [Entity]>,
        _ kind: EntityKind,
        _ old: ParsedEntities,
        _ findings: inout [Finding]
    ) {
        let known = old.configuration[keyPath: collection]
        let first = old.firstRow(of: kind)
        var place = 0
        var read: [Entity] = []
        read.reserveCapacity(entities.count)
        for stored in entities {
            while place < known.count, old.rows[first + place].stored.key < stored.key {
                place += 1
            }
            if place < known.count, old.rows[first + place].stored == stored {
                read.append(known[place])
                self.append(old.rows[first + place])
            } else {
                read.append(Entity.read(stored, &findings))
                self.append(Row(stored: stored, fingerprint: Self.fingerprint(of: stored)))
            }
        }
        self.configuration[keyPath: collection] = read
    }

    private mutating func append(_ row: Row) {
        self.rows.append(row)
        self.fingerprint ^= row.fingerprint
    }

    /// Place of the first row of a collection, or where it would stand.
    private func firstRow(of kind: EntityKind) -> Int {
        let prefix = "\(kind.rawValue)/"
        var low = 0
        var high = self.rows.count
        while low < high {
            let middle = (low + high) / 2
            if self.rows[middle].stored.key < prefix { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func kind(of key: String) throws(StoredEntityError) -> EntityKind {
        guard let slash = key.utf8.firstIndex(of: UInt8(ascii: "/")),
            let kind = EntityKind(rawValue: String(key[..<slash]))
        else { throw .unknownKey(key) }
        return kind
    }

    private static func belongs(_ key: String, to kind: EntityKind) -> Bool {
        let name = kind.rawValue.utf8
        let bytes = key.utf8
        return bytes.starts(with: name)
            && bytes.dropFirst(name.count).first == UInt8(ascii: "/")
    }

    /// FNV-1a over key and body.
    private static func fingerprint(of stored: StoredEntity) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in stored.key.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        for byte in stored.body { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }
}

/// Why stored entities are not a configuration.
indirect enum StoredEntityError: Error, Equatable, CustomStringConvertible {
    /// A newer version wrote an entity that this one does not know.
    case unknownKey(String)
    /// The store gave an entity twice or out of order: a fault of this software.
    case unordered(String)
    /// Fields are wrong.
    case unreadable([Finding])

    var description: String {
        switch self {
        case .unknownKey(let key):
            "entity '\(key)' is of a kind that this version does not know; upgrade this node"
        case .unordered(let key): "entity '\(key)' is stored out of order"
        case .unreadable(let findings): EntityErrors(findings).description
        }
    }
}

extension GatewayEntity {
    /// Reads a stored entity; what is wrong with it becomes findings.
    fileprivate static func read(_ stored: StoredEntity, _ findings: inout [Finding]) -> Self {
        var document = DocumentNode(.null)
        var own: [Finding] = []
        do {
            document = try JSONText.parse(stored.body)
        } catch {
            own.append(Finding(at: FieldPath([.field(stored.key)]), "\(error)"))
        }
        let entity = Self.decode(document, at: .root, findings: &own)
        if own.isEmpty, EntityID(String(stored.key.suffix(36))) != entity.id {
            own.append(Finding(at: .root, "the key is not the entity's id"))
        }
        guard !own.isEmpty else { return entity }
        findings += own.map { finding in
            Finding(
                at: FieldPath([.field(stored.key)] + finding.location.steps),
                finding.message
            )
        }
        return entity
    }
}

extension EntityKind {
    fileprivate var type: any GatewayEntity.Type {
        switch self {
        case .services: Service.self
        case .routes: Route.self
        case .upstreams: Upstream.self
        case .targets: Target.self
        case .plugins: Plugin.self
        case .consumers: Consumer.self
        case .consumerGroups: ConsumerGroup.self
        case .groupMembers: GroupMember.self
        case .keyCredentials: KeyCredential.self
        case .basicCredentials: BasicCredential.self
        case .jwtSecrets: JWTSecret.self
        case .hmacCredentials: HMACCredential.self
        case .aclGroups: ACLGroup.self
        case .certificates: Certificate.self
        case .snis: SNI.self
        case .caCertificates: CACertificate.self
        }
    }
}

extension GatewayConfiguration {
    /// Puts an entity into a place of its collection.
    fileprivate mutating func replace(at index: Int, by entity: any GatewayEntity) {
        switch entity {
        case let entity as Service: self.services[index] = entity
        case let entity as Route: self.routes[index] = entity
        case let entity as Upstream: self.upstreams[index] = entity
        case let entity as Target: self.targets[index] = entity
        case let entity as Plugin: self.plugins[index] = entity
        case let entity as Consumer: self.consumers[index] = entity
        case let entity as ConsumerGroup: self.consumerGroups[index] = entity
        case let entity as GroupMember: self.groupMembers[index] = entity
        case let entity as KeyCredential: self.keyCredentials[index] = entity
        case let entity as BasicCredential: self.basicCredentials[index] = entity
        case let entity as JWTSecret: self.jwtSecrets[index] = entity
        case let entity as HMACCredential: self.hmacCredentials[index] = entity
        case let entity as ACLGroup: self.aclGroups[index] = entity
        case let entity as Certificate: self.certificates[index] = entity
        case let entity as SNI: self.snis[index] = entity
        case let entity as CACertificate: self.caCertificates[index] = entity
        default: preconditionFailure("every kind of entity has a collection")
        }
    }
}
