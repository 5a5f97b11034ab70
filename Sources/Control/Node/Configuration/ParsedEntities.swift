import MeshActivation
import MeshEntities

/// The stored entities, read; a change costs the entities that changed, not all of them.
///
/// An entity whose key and body are those of the state before is taken over as it was read then.
/// States hold their entities in the order of keys, and so does the configuration.
struct ParsedEntities: Sendable {
    struct Row: Sendable {
        let stored: StoredEntity
        fileprivate let fingerprint: UInt64
    }

    /// Changes that are put in place one by one; more of them cost less in one walk over everything.
    private static let placedChanges = 256

    fileprivate(set) var configuration = GatewayConfiguration()
    /// Of all entities, whatever their order; equal for equal entities.
    fileprivate(set) var fingerprint: UInt64 = 0
    /// In the order of keys.
    fileprivate(set) var rows: [Row] = []

    /// Of nothing.
    init() {}

    /// Takes over what is read already.
    ///
    /// - Parameters:
    ///   - configuration: the entities, each list in the order of keys.
    ///   - rows: as what each of them is stored, in the order of keys.
    init(_ configuration: GatewayConfiguration, rows: [Row]) {
        self.configuration = configuration
        self.rows = rows
        self.fingerprint = rows.reduce(0) { $0 ^ $1.fingerprint }
    }

    /// Reads what is new in a state.
    ///
    /// - Parameters:
    ///   - entities: all of them, in the order of keys.
    ///   - others: what was written out or read a moment ago; what of it stands there need not be read.
    /// - Throws: ``StoredEntityError`` with everything that cannot be read; what was read before stays.
    mutating func update(
        to entities: [StoredEntity],
        others: [ParsedEntities] = []
    ) throws(StoredEntityError) {
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
            let walk = Walk(
                entities: entities[start..<end],
                kind: kind,
                known: ([self] + others).filter { !$0.rows.isEmpty }
            )
            kind.perform(walk, on: &next, &findings)
            start = end
        }
        guard findings.isEmpty else { throw .unreadable(findings) }
        self = next
    }

    /// Reads entities that may have changed, and leaves all others as they are, in place.
    ///
    /// - Parameter bodies: by key; `nil` for what is gone.
    /// - Returns: ids of what did change, and of services whose routes did; `nil`, and nothing is read,
    ///   when there are so many that ``update(to:)`` costs less.
    /// - Throws: ``StoredEntityError`` with everything that cannot be read; nothing is held then.
    mutating func update(
        by bodies: [String: [UInt8]?]
    ) throws(StoredEntityError) -> Set<EntityID>? {
        guard bodies.count <= Self.placedChanges else { return nil }
        // Whoever else held the rows would make a copy of all of them.
        var next = ParsedEntities()
        swap(&next, &self)
        var findings: [Finding] = []
        var touched: Set<EntityID> = []
        for (key, body) in bodies {
            let place = next.place(of: key)
            let held = place < next.rows.count && next.rows[place].stored.key == key
            if held, next.rows[place].stored.body == body { continue }
            guard held || body != nil else { continue }
            let kind = try Self.kind(of: key)
            let before = kind == .routes ? next.route(key)?.service : nil
            let change = Change(
                key: key,
                body: body,
                row: place,
                index: place - next.firstRow(of: kind),
                isHeld: held
            )
            kind.perform(change, on: &next, &findings)
            touched.formUnion([EntityID(String(key.suffix(36)))].compactMap(\.self))
            guard kind == .routes else { continue }
            touched.formUnion([before, next.route(key)?.service].compactMap(\.self))
        }
        guard findings.isEmpty else { throw .unreadable(findings) }
        self = next
        return touched
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

    private func route(_ key: String) -> Route? {
        let place = self.place(of: key)
        guard place < self.rows.count, self.rows[place].stored.key == key else { return nil }
        return self.configuration.routes[place - self.firstRow(of: .routes)]
    }

    /// Adds an entity whose key comes after all others', unless something is wrong with it.
    mutating func add(_ stored: StoredEntity, of kind: EntityKind, _ document: DocumentNode) {
        var findings: [Finding] = []
        kind.perform(Addition(stored: stored, document: document), on: &self, &findings)
    }

    fileprivate mutating func append(_ row: Row) {
        self.rows.append(row)
        self.fingerprint ^= row.fingerprint
    }

    /// Place of the first row of a collection, or where it would stand.
    fileprivate func firstRow(of kind: EntityKind) -> Int { self.place(of: kind.keyPrefix) }

    /// Place of the first row whose key is not before this one.
    private func place(of key: String) -> Int {
        var low = 0
        var high = self.rows.count
        while low < high {
            let middle = (low + high) / 2
            if self.rows[middle].stored.key < key { low = middle + 1 } else { high = middle }
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

    /// FNV-1a over key and body, eight bytes at a time.
    fileprivate static func fingerprint(of stored: StoredEntity) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in stored.key.utf8 { hash = (hash ^ UInt64(byte)) &* Self.fingerprintFactor }
        stored.body.withUnsafeBytes { bytes in
            var at = 0
            while bytes.count - at >= 8 {
                let word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                hash = (hash ^ word) &* Self.fingerprintFactor
                // High bits would never reach low ones.
                hash ^= hash >> 32
                at += 8
            }
            for byte in bytes[at...] { hash = (hash ^ UInt64(byte)) &* Self.fingerprintFactor }
        }
        return hash
    }

    private static let fingerprintFactor: UInt64 = 0x100_0000_01B3
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
        let entity = Self.read(stored, document, &own)
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

extension GatewayEntity {
    /// Reads a stored entity that is parsed.
    fileprivate static func read(
        _ stored: StoredEntity,
        _ document: DocumentNode,
        _ findings: inout [Finding]
    ) -> Self {
        let entity = Self.decode(document, at: .root, findings: &findings)
        if findings.isEmpty, EntityID(String(stored.key.suffix(36))) != entity.id {
            findings.append(Finding(at: .root, "the key is not the entity's id"))
        }
        return entity
    }
}

/// What is done with the collection of one kind of entities.
private protocol CollectionStep {
    func take<Entity: GatewayEntity>(
        _ collection: WritableKeyPath<GatewayConfiguration, EntityList<Entity>>,
        of parsed: inout ParsedEntities,
        _ findings: inout [Finding]
    )
}

extension ParsedEntities {
    /// Reads one collection whole; all states are walked in the order of keys.
    private struct Walk: CollectionStep {
        let entities: ArraySlice<StoredEntity>
        let kind: EntityKind
        let known: [ParsedEntities]

        func take<Entity: GatewayEntity>(
            _ collection: WritableKeyPath<GatewayConfiguration, EntityList<Entity>>,
            of parsed: inout ParsedEntities,
            _ findings: inout [Finding]
        ) {
            var known = self.known.map { KnownList($0, self.kind, collection) }
            var read: EntityList<Entity> = []
            read.reserveCapacity(self.entities.count)
            for stored in self.entities {
                if let (index, row) = known.indices.lazy.compactMap({ index in
                    known[index].find(stored).map { (index, $0) }
                }).first {
                    known[index].append(to: &read)
                    parsed.append(row)
                } else {
                    read.append(Entity.read(stored, &findings))
                    parsed.append(Row(stored))
                }
            }
            parsed.configuration[keyPath: collection] = read
        }
    }

    /// Adds one entity at the end of its collection.
    private struct Addition: CollectionStep {
        let stored: StoredEntity
        let document: DocumentNode

        func take<Entity: GatewayEntity>(
            _ collection: WritableKeyPath<GatewayConfiguration, EntityList<Entity>>,
            of parsed: inout ParsedEntities,
            _ findings: inout [Finding]
        ) {
            let entity = Entity.read(self.stored, self.document, &findings)
            guard findings.isEmpty else { return }
            parsed.configuration[keyPath: collection].append(entity)
            parsed.append(Row(self.stored))
        }
    }

    /// The entities of one collection that are read already, walked in the order of keys.
    private struct KnownList<Entity: GatewayEntity> {
        private let entities: EntityList<Entity>
        private let rows: ArraySlice<Row>
        private var place = 0

        init(
            _ parsed: ParsedEntities,
            _ kind: EntityKind,
            _ collection: KeyPath<GatewayConfiguration, EntityList<Entity>>
        ) {
            self.entities = parsed.configuration[keyPath: collection]
            self.rows = parsed.rows.dropFirst(parsed.firstRow(of: kind)).prefix(self.entities.count)
        }

        /// Goes on to an entity that is stored exactly so; `nil` when there is none.
        mutating func find(_ stored: StoredEntity) -> Row? {
            while self.place < self.rows.count,
                self.rows[self.rows.startIndex + self.place].stored.key < stored.key
            {
                self.place += 1
            }
            guard self.place < self.rows.count else { return nil }
            let row = self.rows[self.rows.startIndex + self.place]
            return row.stored == stored ? row : nil
        }

        /// Adds the entity that was found to a list.
        func append(to list: inout EntityList<Entity>) {
            list.append(from: self.entities, at: self.place)
        }
    }

    /// Puts one entity into its place, or takes it out.
    private struct Change: CollectionStep {
        let key: String
        let body: [UInt8]?
        let row: Int
        /// Place in the collection.
        let index: Int
        let isHeld: Bool

        func take<Entity: GatewayEntity>(
            _ collection: WritableKeyPath<GatewayConfiguration, EntityList<Entity>>,
            of parsed: inout ParsedEntities,
            _ findings: inout [Finding]
        ) {
            let rows = self.row..<self.row + (self.isHeld ? 1 : 0)
            let indexes = self.index..<self.index + rows.count
            for old in parsed.rows[rows] { parsed.fingerprint ^= old.fingerprint }
            let stored = self.body.map { StoredEntity(key: self.key, body: $0) }
            let new = [stored].compactMap(\.self)
            for row in new.map(Row.init) { parsed.fingerprint ^= row.fingerprint }
            parsed.rows.replaceSubrange(rows, with: new.map(Row.init))
            parsed.configuration[keyPath: collection].replaceSubrange(
                indexes,
                with: new.map { Entity.read($0, &findings) }
            )
        }
    }
}

extension ParsedEntities.Row {
    init(_ stored: StoredEntity) {
        self.init(stored: stored, fingerprint: ParsedEntities.fingerprint(of: stored))
    }
}

extension EntityKind {
    /// Takes a step with the collection of this kind.
    fileprivate func perform(
        _ step: some CollectionStep,
        on parsed: inout ParsedEntities,
        _ findings: inout [Finding]
    ) {
        switch self {
        case .services: step.take(\.services, of: &parsed, &findings)
        case .routes: step.take(\.routes, of: &parsed, &findings)
        case .upstreams: step.take(\.upstreams, of: &parsed, &findings)
        case .targets: step.take(\.targets, of: &parsed, &findings)
        case .plugins: step.take(\.plugins, of: &parsed, &findings)
        case .consumers: step.take(\.consumers, of: &parsed, &findings)
        case .consumerGroups: step.take(\.consumerGroups, of: &parsed, &findings)
        case .groupMembers: step.take(\.groupMembers, of: &parsed, &findings)
        case .keyCredentials: step.take(\.keyCredentials, of: &parsed, &findings)
        case .basicCredentials: step.take(\.basicCredentials, of: &parsed, &findings)
        case .jwtSecrets: step.take(\.jwtSecrets, of: &parsed, &findings)
        case .hmacCredentials: step.take(\.hmacCredentials, of: &parsed, &findings)
        case .certificateCredentials: step.take(\.certificateCredentials, of: &parsed, &findings)
        case .aclGroups: step.take(\.aclGroups, of: &parsed, &findings)
        case .certificates: step.take(\.certificates, of: &parsed, &findings)
        case .snis: step.take(\.snis, of: &parsed, &findings)
        case .caCertificates: step.take(\.caCertificates, of: &parsed, &findings)
        case .vaults: step.take(\.vaults, of: &parsed, &findings)
        case .keySets: step.take(\.keySets, of: &parsed, &findings)
        case .keys: step.take(\.keys, of: &parsed, &findings)
        }
    }
}
