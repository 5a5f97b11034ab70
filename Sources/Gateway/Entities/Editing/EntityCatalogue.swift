internal import HashTreeCollections

/// All entities by id, by name and by what they refer to, kept up to date change by change.
///
/// Holds the canonical JSON text of each entity and reads it when asked: a change costs what it
/// touches, not what there is. Copies share their storage until one of them changes.
public struct EntityCatalogue: Sendable {
    private var tables: [EntityKind: Table] = [:]

    /// Creates a catalogue without entities.
    public init() {}

    /// Creates a catalogue of a configuration.
    public init(_ configuration: GatewayConfiguration) {
        for (kind, id, document) in configuration.entities() {
            self.set(kind, id, body: document.canonicalJSON)
        }
    }

    /// Creates a catalogue of stored entities in any order, for less than taking them over one by one.
    public init(stored entities: some Sequence<(kind: EntityKind, id: EntityID, body: [UInt8])>) {
        for entity in entities {
            let reading = Reading(entity.kind, entity.body)
            self.tables[entity.kind, default: Table(entity.kind)].add(entity.id, reading)
        }
        for kind in self.tables.keys { self.tables[kind]?.sortIDs() }
    }

    /// Whether there are no entities at all.
    public var isEmpty: Bool { self.tables.values.allSatisfy { $0.ids.isEmpty } }

    /// How many entities of a kind there are.
    public func count(of kind: EntityKind) -> Int { self.tables[kind]?.ids.count ?? 0 }

    /// The ids of a kind, ascending.
    public func ids(of kind: EntityKind) -> [EntityID] { self.tables[kind]?.ids ?? [] }

    /// The ids of the entities whose field refers to a parent, ascending.
    public func ids(referringBy key: ForeignKey, to parent: EntityID) -> [EntityID] {
        let link = Link(field: key.field, parent: parent)
        return self.tables[key.child]?.children[link].map { $0.sorted() } ?? []
    }

    /// Whether anything refers to an entity by this key.
    public func isReferred(by key: ForeignKey, _ parent: EntityID) -> Bool {
        let link = Link(field: key.field, parent: parent)
        return self.tables[key.child]?.children[link].map { !$0.isEmpty } ?? false
    }

    /// An entity that names an authority.
    func owner(trusting authority: EntityID) -> (EntityKind, EntityID)? {
        let link = Link(field: ForeignKey.authorities, parent: authority)
        for kind in [EntityKind.services, .plugins] {
            if let id = self.tables[kind]?.children[link]?.min() { return (kind, id) }
        }
        return nil
    }

    /// Whether an entity exists.
    public func contains(_ kind: EntityKind, _ id: EntityID) -> Bool {
        self.tables[kind]?.entries[id] != nil
    }

    /// The entity with this id.
    public func row(_ kind: EntityKind, _ id: EntityID) -> EntityRow? {
        self.tables[kind]?.entries[id].map { entry in
            EntityRow(kind: kind, id: id, document: Self.document(kind, entry.body))
        }
    }

    /// The id of the entity with this id or name; a target's name counts below its upstream only.
    ///
    /// A certificate is also found by a server name that it is used for, as in Kong.
    public func id(
        of kind: EntityKind,
        named key: String,
        below parent: EntityID? = nil
    ) -> EntityID? {
        if let id = EntityID(key), self.contains(kind, id) { return id }
        switch kind {
        case .certificates:
            return self.id(of: .snis, named: key)
                .flatMap { self.row(.snis, $0)?.document.reference("certificate") }
        case .targets:
            guard let parent else { return nil }
            let name = Target.named(key)
            return self.tables[kind]?.names[.together("\"\(name)\"", "\(parent)")]
        case .aclGroups:
            guard let parent else { return nil }
            return self.tables[kind]?.names[
                .together("\(parent)", DocumentValue.string(key).json)
            ]
        case .services, .routes, .upstreams, .snis, .consumers, .plugins, .caCertificates,
            .consumerGroups, .groupMembers, .keyCredentials, .basicCredentials, .jwtSecrets,
            .hmacCredentials, .certificateCredentials, .vaults, .keySets, .keys:
            guard let field = kind.endpointKey else { return nil }
            return self.tables[kind]?.names[.field(field, key)]
        }
    }

    /// The id of another entity that has what only one may have, and the fields in question.
    func rival(
        of document: DocumentValue,
        _ kind: EntityKind,
        _ id: EntityID
    ) -> [String]? {
        for name in Self.names(kind, document) {
            guard let holder = self.tables[kind]?.names[name.key], holder != id else { continue }
            return name.fields
        }
        return nil
    }

    /// The labels of an entity.
    public func tags(_ kind: EntityKind, _ id: EntityID) -> [String] {
        self.tables[kind]?.entries[id]?.tags ?? []
    }

    /// When a target was made, unix seconds; 0 for other kinds.
    public func moment(_ kind: EntityKind, _ id: EntityID) -> Double {
        self.tables[kind]?.entries[id]?.moment ?? 0
    }

    /// The canonical JSON text of an entity.
    public func body(_ kind: EntityKind, _ id: EntityID) -> [UInt8]? {
        self.tables[kind]?.entries[id]?.body
    }

    /// Carries out a change.
    public mutating func apply(_ change: EntityChange) {
        guard let document = change.document else {
            self.tables[change.kind]?.remove(change.id)
            return
        }
        self.set(change.kind, change.id, body: document.canonicalJSON)
    }

    /// Takes over an entity as it is stored.
    public mutating func set(_ kind: EntityKind, _ id: EntityID, body: [UInt8]) {
        self.tables[kind, default: Table(kind)].set(id, Reading(kind, body))
    }

    /// A stored entity with all fields that this version knows, in Kong's order.
    private static func document(_ kind: EntityKind, _ body: [UInt8]) -> DocumentValue {
        guard let node = try? JSONText.parse(body) else { return .object([]) }
        var findings: [Finding] = []
        var single = GatewayConfiguration()
        single.append(node, kind, at: .root, &findings)
        return single.entries(of: kind).first?.document ?? node.value
    }
}

extension EntityCatalogue {
    /// What only one entity of a kind may have.
    enum Name: Hashable {
        case field(String, String)
        /// Values of several fields, each as JSON or an id, in lines.
        case values(String)

        static func together(_ values: String...) -> Name {
            .values(values.joined(separator: "\n"))
        }
    }

    private struct Link: Hashable {
        let field: String
        let parent: EntityID
    }

    /// What is held of an entity; what it is found by is read again when it changes.
    private struct Entry {
        let body: [UInt8]
        let tags: [String]
        let moment: Double
    }

    /// What stands in a stored entity, which has been read and written out once before.
    private struct Reading {
        let entry: Entry
        let names: [Name]
        let links: [Link]

        init(_ kind: EntityKind, _ body: [UInt8]) {
            let document = (try? JSONText.parse(body).value) ?? .object([])
            self.entry = Entry(
                body: body,
                tags: document["tags"]?.elements?.compactMap(\.text) ?? [],
                moment: kind == .targets ? document["created_at"]?.seconds ?? 0 : 0
            )
            self.names = EntityCatalogue.names(kind, document).map(\.key)
            self.links = EntityCatalogue.links(kind, document)
        }
    }

    /// The entities of one kind.
    private struct Table {
        let kind: EntityKind
        private(set) var ids: [EntityID] = []
        // Trees, so that changing a copy copies what is touched, not 10,000 entities.
        var entries: TreeDictionary<EntityID, Entry> = [:]
        var names: TreeDictionary<Name, EntityID> = [:]
        var children: TreeDictionary<Link, TreeSet<EntityID>> = [:]

        init(_ kind: EntityKind) { self.kind = kind }

        mutating func set(_ id: EntityID, _ reading: Reading) {
            if self.entries[id] == nil {
                self.ids.insert(id, at: self.place(of: id))
            } else {
                self.forget(id)
            }
            self.add(id, reading)
        }

        /// Adds an entity that is not there; its id is missing until ``sortIDs()``.
        mutating func add(_ id: EntityID, _ reading: Reading) {
            self.entries[id] = reading.entry
            for name in reading.names { self.names[name] = id }
            for link in reading.links { self.children[link, default: []].insert(id) }
        }

        mutating func sortIDs() { self.ids = self.entries.keys.sorted() }

        mutating func remove(_ id: EntityID) {
            guard self.entries[id] != nil else { return }
            self.forget(id)
            self.entries[id] = nil
            self.ids.remove(at: self.place(of: id))
        }

        private mutating func forget(_ id: EntityID) {
            guard let entry = self.entries[id] else { return }
            let reading = Reading(self.kind, entry.body)
            for name in reading.names where self.names[name] == id { self.names[name] = nil }
            for link in reading.links {
                self.children[link]?.remove(id)
                if self.children[link]?.isEmpty ?? false { self.children[link] = nil }
            }
        }

        /// The index of the first id that is not less, by halving.
        private func place(of id: EntityID) -> Int {
            var (low, high) = (0, self.ids.count)
            while low < high {
                let middle = (low + high) / 2
                if self.ids[middle] < id { low = middle + 1 } else { high = middle }
            }
            return low
        }
    }

    private static func names(
        _ kind: EntityKind,
        _ document: DocumentValue
    ) -> [(key: Name, fields: [String])] {
        var names: [(key: Name, fields: [String])] = kind.uniqueFields.compactMap { field in
            document[field]?.text.map { (.field(field, $0), [field]) }
        }
        if !kind.uniqueTogether.isEmpty {
            let values = kind.uniqueTogether.map { field in
                document.reference(field).map { "\($0)" } ?? document[field]?.json ?? "null"
            }
            names.append((.values(values.joined(separator: "\n")), kind.uniqueTogether))
        }
        return names
    }

    private static func links(_ kind: EntityKind, _ document: DocumentValue) -> [Link] {
        var links = kind.foreignKeys.compactMap { key in
            document.reference(key.field).map { Link(field: key.field, parent: $0) }
        }
        links += kind.authorities(in: document).compactMap { authority in
            EntityID(authority).map { Link(field: ForeignKey.authorities, parent: $0) }
        }
        return links
    }
}

extension DocumentValue {
    /// A number as seconds.
    fileprivate var seconds: Double? {
        switch self {
        case .integer(let seconds): Double(seconds)
        case .number(let seconds): seconds
        case .null, .bool, .string, .array, .object: nil
        }
    }
}
