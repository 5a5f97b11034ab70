/// What an edit does: changes in the order in which they can be carried out, and what results.
public struct EntityEdit: Equatable, Sendable {
    /// The changes; what is referred to comes before what refers to it.
    public var changes: [EntityChange]
    /// The entity as it becomes; `nil` when it goes.
    public var row: EntityRow?

    /// Creates an edit.
    public init(changes: [EntityChange], row: EntityRow?) {
        self.changes = changes
        self.row = row
    }
}

/// Plans edits of single entities as Kong's Admin API makes them; writes nothing.
///
/// Pure: reads a catalogue, is told the time and draws ids from a closure. An edit is checked
/// against what it touches: its own fields, what it refers to, and the names it takes.
///
/// Source: Kong's `kong/db/dao/init.lua` and `kong/db/schema/init.lua`, version 3.9.
public struct EntityEditor: Sendable {
    /// Checks one entity for what its fields alone cannot show, such as certificates, and fills in
    /// what follows from it.
    public typealias Examine = @Sendable (inout GatewayConfiguration) -> [Finding]

    /// What there is.
    public let catalogue: EntityCatalogue
    /// Unix seconds, with milliseconds.
    private let now: Double
    private let examine: Examine
    private let makeID: @Sendable () -> EntityID

    /// Creates an editor.
    ///
    /// - Parameters:
    ///   - catalogue: what there is.
    ///   - now: unix seconds.
    ///   - examine: checks a configuration of one entity.
    ///   - makeID: draws a new primary key.
    public init(
        catalogue: EntityCatalogue,
        now: Double,
        examine: @escaping Examine = { _ in [] },
        makeID: @escaping @Sendable () -> EntityID
    ) {
        self.catalogue = catalogue
        self.now = now
        self.examine = examine
        self.makeID = makeID
    }

    /// Plans a new entity.
    ///
    /// - Throws: ``EditRefusal``.
    public func create(_ kind: EntityKind, _ input: DocumentNode) throws(EditRefusal) -> EntityEdit
    {
        let (document, names) = try self.prepared(kind, input)
        var complete = document
        if complete["id"]?.isNull ?? true { complete.set("id", .string("\(self.makeID())")) }
        self.generate(kind, &complete)
        let edit = try self.write(kind, complete, over: nil, names: names)
        if let row = edit.row, self.catalogue.contains(kind, row.id) {
            throw .primaryKeyViolation(row.id)
        }
        return edit
    }

    /// Plans an entity that is made, or takes the place of the one with this id, with defaults for
    /// all that is not given.
    ///
    /// - Throws: ``EditRefusal``.
    public func replace(
        _ kind: EntityKind,
        _ id: EntityID,
        _ input: DocumentNode
    ) throws(EditRefusal) -> EntityEdit {
        var (document, names) = try self.prepared(kind, input)
        document.set("id", .string("\(id)"))
        self.generate(kind, &document)
        let old = self.catalogue.row(kind, id)
        return try self.write(kind, document, over: old, names: names)
    }

    /// Plans a change of the fields that are given; records inside merge, lists and maps do not.
    ///
    /// - Throws: ``EditRefusal``.
    public func update(_ row: EntityRow, _ input: DocumentNode) throws(EditRefusal) -> EntityEdit {
        let (given, names) = try self.prepared(row.kind, input)
        var document = row.document
        for field in self.coupled(row.kind, given).fields ?? [] {
            let path = "\(row.kind.rawValue).\(field.name)"
            document.set(
                field.name,
                Self.merged(document[field.name] ?? .null, field.node.value, at: path)
            )
        }
        document.set("id", .string("\(row.id)"))
        return try self.write(row.kind, document, over: row, names: names)
    }

    /// Plans the end of an entity and of all that goes with it; an entity that does not exist needs
    /// no change.
    ///
    /// - Throws: ``EditRefusal`` when something refers to it that may not lose it.
    public func remove(_ kind: EntityKind, _ id: EntityID) throws(EditRefusal) -> EntityEdit {
        guard self.catalogue.contains(kind, id) else { return EntityEdit(changes: [], row: nil) }
        var changes: [EntityChange] = []
        for key in kind.referrers where self.catalogue.isReferred(by: key, id) {
            guard key.deletion == .cascade else { throw .stillReferred(key) }
            for child in self.catalogue.ids(referringBy: key, to: id) {
                changes += try self.remove(key.child, child).changes
            }
        }
        if kind == .caCertificates, let (kind, owner) = self.catalogue.owner(trusting: id) {
            throw .stillTrusted(id, by: kind, owner)
        }
        changes.append(EntityChange(kind: kind, id: id, document: nil))
        return EntityEdit(changes: changes, row: nil)
    }

    /// Reads a new entity without asking what else there is.
    ///
    /// - Throws: ``EditRefusal`` of code 2 with everything that is wrong.
    public func validate(_ kind: EntityKind, _ input: DocumentNode) throws(EditRefusal) {
        var (document, _) = try Self.split(kind, input)
        if document["id"]?.isNull ?? true { document.set("id", .string("\(self.makeID())")) }
        self.generate(kind, &document)
        for key in kind.foreignKeys where document[key.field]?["id"] == nil {
            // A name stands for an id here; whether anything has it is not asked.
            guard document[key.field]?.fields?.contains(where: { $0.name == "name" }) ?? false
            else { continue }
            document.set(key.field, .record(["id": .string("\(self.makeID())")]))
        }
        _ = try self.read(kind, document)
    }
}

extension EntityEditor {
    /// Fills in random texts of 32 letters and digits, as Kong does.
    private func generate(_ kind: EntityKind, _ document: inout DocumentValue) {
        for field in kind.generatedFields where document[field]?.isNull ?? true {
            let ids = [self.makeID(), self.makeID()]
            let digits = ids.flatMap { Self.letters($0.high, 8) + Self.letters($0.low, 8) }
            document.set(field, .string(String(decoding: digits, as: UTF8.self)))
        }
    }

    /// The low 48 bits as letters and digits; version and variant of an id stand outside of them or
    /// take two of them.
    private static func letters(_ bits: UInt64, _ count: Int) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        return (0..<count).map { alphabet[Int(bits >> UInt64($0 * 6) & 63) % alphabet.count] }
    }

    /// Checks a complete document and plans its write.
    private func write(
        _ kind: EntityKind,
        _ input: DocumentValue,
        over old: EntityRow?,
        names: [String]?
    ) throws(EditRefusal) -> EntityEdit {
        var document = input
        // A write changes the entity, even to what it was.
        document.set("updated_at", .null)
        document = EntityTimes.stamped(document, kind, over: old?.document, at: self.now)
        let (row, configuration) = try self.read(kind, document)
        try self.checkReferences(row)
        if let fields = self.catalogue.rival(of: row.document, kind, row.id) {
            let secret = Set(kind.fields.filter(\.isSecret).map(\.name))
            throw .uniqueViolation(
                .object(
                    fields.map { field in
                        let value = row.document[field] ?? .null
                        return DocumentField(
                            field,
                            secret.contains(field) ? .string(Secrets.mask) : value
                        )
                    }
                )
            )
        }
        try self.checkScope(of: configuration.plugins.first)
        let own = EntityChange(kind: kind, id: row.id, document: row.document)
        let others = try self.serverNames(names, of: row.id)
        return EntityEdit(changes: [own] + others, row: row)
    }

    /// Takes the shorthand of server names out of the input and resolves names of parents.
    private func prepared(
        _ kind: EntityKind,
        _ input: DocumentNode
    ) throws(EditRefusal) -> (document: DocumentValue, names: [String]?) {
        var (document, names) = try Self.split(kind, input)
        for key in kind.foreignKeys {
            guard var given = document[key.field], given.fields != nil, given["id"] == nil,
                let field = key.parent.endpointKey, let name = given[field]?.text
            else { continue }
            guard let id = self.catalogue.id(of: key.parent, named: name) else {
                throw .unresolved(key, by: field, name)
            }
            given.remove(field)
            given.set("id", .string("\(id)"))
            document.set(key.field, given)
        }
        return (document, names)
    }

    private static func split(
        _ kind: EntityKind,
        _ input: DocumentNode
    ) throws(EditRefusal) -> (document: DocumentValue, names: [String]?) {
        var document = input.value
        guard document.fields != nil else {
            throw .schemaViolation([
                Finding(at: FieldPath([.field(FieldPath.entityField)]), "expected a record")
            ])
        }
        guard kind == .certificates, let given = document.remove("snis") else {
            return (document, nil)
        }
        guard let names = given.isNull ? [] : given.elements?.map(\.text) else {
            throw .schemaViolation([Finding(at: FieldPath([.field("snis")]), "expected a set")])
        }
        var seen: Set<String> = []
        for name in names {
            guard let name else {
                throw .schemaViolation([
                    Finding(at: FieldPath([.field("snis")]), "expected a string")
                ])
            }
            guard seen.insert(name).inserted else {
                throw .schemaViolation([
                    Finding(at: FieldPath([.field("snis")]), "\(name) is duplicated")
                ])
            }
        }
        return (document, seen.sorted())
    }

    private func read(
        _ kind: EntityKind,
        _ document: DocumentValue
    ) throws(EditRefusal) -> (row: EntityRow, configuration: GatewayConfiguration) {
        var findings: [Finding] = []
        var single = GatewayConfiguration()
        let id = single.append(DocumentNode(document), kind, at: .root, &findings)
        var places = EntityPlaces()
        places.append(
            EntityPlaces.Place(location: .root, node: DocumentNode(document)),
            of: kind
        )
        if findings.isEmpty {
            findings += UnbuiltFeatures.findings(in: single, at: places)
            findings += self.examine(&single).map { finding in
                // The one entity stands first in its collection.
                let steps = finding.location.steps
                let isPlaced = steps.starts(with: FieldPath(kind, 0).steps)
                return Finding(
                    at: isPlaced ? FieldPath(Array(steps.dropFirst(2))) : finding.location,
                    finding.message
                )
            }
        }
        guard findings.isEmpty, let entry = single.entries(of: kind).first else {
            throw .schemaViolation(findings)
        }
        return (EntityRow(kind: kind, id: id, document: entry.document), single)
    }

    private func checkReferences(_ row: EntityRow) throws(EditRefusal) {
        for key in row.kind.foreignKeys {
            guard let parent = row.document.reference(key.field) else { continue }
            guard self.catalogue.contains(key.parent, parent) else {
                throw .missingParent(key, parent)
            }
        }
        let missing = row.kind.authorities(in: row.document).filter { text in
            EntityID(text).map { !self.catalogue.contains(.caCertificates, $0) } ?? true
        }
        guard missing.isEmpty else {
            throw .schemaViolation([
                Finding(
                    at: row.kind.authoritiesField,
                    "the following CA certificates do not exist: "
                        + missing.joined(separator: ", ")
                )
            ])
        }
    }

    /// Checks that a plugin runs for some protocol of its route or of its service's routes.
    private func checkScope(of plugin: Plugin?) throws(EditRefusal) {
        guard let plugin else { return }
        let place = FieldPath([.field("protocols")])
        if let route = plugin.route, !self.runs(plugin, forAnyOf: [route]) {
            throw .schemaViolation([
                Finding(at: place, "must match the associated route's protocols")
            ])
        }
        guard let service = plugin.service else { return }
        let key = ForeignKey.all[0]
        let routes = self.catalogue.ids(referringBy: key, to: service)
        guard routes.isEmpty || self.runs(plugin, forAnyOf: routes) else {
            throw .schemaViolation([
                Finding(
                    at: place,
                    "must match the protocols of at least one route pointing to this "
                        + "Plugin's service"
                )
            ])
        }
    }

    private func runs(_ plugin: Plugin, forAnyOf routes: [EntityID]) -> Bool {
        let own = Set(plugin.protocols.map(\.pluginProtocol))
        return routes.lazy.compactMap { self.catalogue.row(.routes, $0) }.contains { route in
            (route.document["protocols"]?.elements ?? []).contains { element in
                element.text.flatMap { GatewayProtocol(rawValue: $0) }
                    .map { own.contains($0.pluginProtocol) } ?? false
            }
        }
    }

    /// Plans the server names of a certificate: those given and no others.
    private func serverNames(
        _ names: [String]?,
        of certificate: EntityID
    ) throws(EditRefusal) -> [EntityChange] {
        guard let names else { return [] }
        guard let key = EntityKind.snis.foreignKeys.first else { return [] }
        var changes: [EntityChange] = []
        var wanted = Set(names)
        for id in self.catalogue.ids(referringBy: key, to: certificate) {
            let name = self.catalogue.row(.snis, id)?.document["name"]?.text ?? ""
            if wanted.remove(name) == nil {
                changes.append(EntityChange(kind: .snis, id: id, document: nil))
            }
        }
        for name in wanted.sorted() {
            let holder = self.catalogue.id(of: .snis, named: name)
                .flatMap { self.catalogue.row(.snis, $0)?.document.reference("certificate") }
            guard holder == nil || holder == certificate else {
                throw .schemaViolation([
                    Finding(
                        at: FieldPath([.field("snis")]),
                        "\(name) already associated with existing certificate '\(holder ?? certificate)'"
                    )
                ])
            }
            let document = DocumentValue.record([
                "id": .string("\(self.makeID())"), "name": .string(name),
                "certificate": .record(["id": .string("\(certificate)")]),
            ])
            let stamped = EntityTimes.stamped(document, .snis, over: nil, at: self.now)
            let row = try self.read(.snis, stamped).row
            changes.append(EntityChange(kind: .snis, id: row.id, document: row.document))
        }
        return changes
    }
}

extension EntityEditor {
    /// Lets `algorithm` and `hash_on` of an upstream pull each other along, as Kong's shorthands do
    /// with what is given.
    private func coupled(_ kind: EntityKind, _ given: DocumentValue) -> DocumentValue {
        guard kind == .upstreams else { return given }
        var given = given
        let algorithm = given["algorithm"]?.text
        let hashOn = given["hash_on"]?.text
        switch (algorithm, hashOn) {
        case (nil, nil): break
        case (nil, "none"): given.set("algorithm", .string("round-robin"))
        case (nil, _): given.set("algorithm", .string("consistent-hashing"))
        case ("consistent-hashing", nil): break
        case (_, nil): given.set("hash_on", .string("none"))
        case (_, _): break
        }
        return given
    }

    /// Merges what is given into what there is: records field by field, all else as a whole.
    private static func merged(
        _ old: DocumentValue,
        _ new: DocumentValue,
        at path: String
    ) -> DocumentValue {
        guard Self.isRecord(path), case .object(let fields) = new, old.fields != nil else {
            return new
        }
        var result = old
        for field in fields {
            let inner = "\(path).\(field.name)"
            result.set(
                field.name,
                Self.merged(old[field.name] ?? .null, field.node.value, at: inner)
            )
        }
        return result
    }

    /// Whether a field has fields of its own, instead of being a map or a reference.
    private static func isRecord(_ path: String) -> Bool {
        guard !path.hasSuffix(".headers") else { return false }
        let records = [
            "upstreams.healthchecks", "upstreams.regions", "upstreams.limits",
            "upstreams.breaker", "services.retry", "routes.retry", "plugins.config",
        ]
        return records.contains { path == $0 || path.hasPrefix("\($0).") }
    }
}

extension EntityEditor {
    /// The same editor for what is there after an edit.
    public func assuming(_ edit: EntityEdit) -> EntityEditor {
        var next = self.catalogue
        for change in edit.changes { next.apply(change) }
        return EntityEditor(
            catalogue: next,
            now: self.now,
            examine: self.examine,
            makeID: self.makeID
        )
    }
}
