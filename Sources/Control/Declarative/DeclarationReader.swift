internal import Dispatch
internal import MeshEntities
internal import MeshPlugins
internal import MeshPrimitives
internal import MeshRouting

/// Takes a declarative document apart: formats, nesting, ids, references, then the entities.
struct DeclarationReader {
    /// One entity as the file has it, children taken out.
    struct Entry {
        let kind: EntityKind
        let location: FieldPath
        /// The fields without children; gets an id and resolved references.
        var node: DocumentNode
        /// The parent's place in the list of entries, and the field that refers to it.
        var parent: (index: Int, field: String)?
        /// The key; zero when the file's is wrong.
        var id: EntityID
    }

    private(set) var entries: [Entry] = []
    private(set) var configuration = GatewayConfiguration()
    private(set) var warnings: [Finding] = []
    private(set) var hints: [Finding] = []
    private var findings: [Finding] = []
    private var placeholders: [Finding] = []
    private let options: DeclarationOptions
    private var format = DeclarationFormat.current
    private var deck = DeckContent([])
    /// Tags that what the file is for has; empty for everything.
    var selectTags: [String] { self.deck.selectTags }
    private var passwords = CredentialRules.Passwords.plain
    private var derivedIDs: Set<EntityID> = []

    init(options: DeclarationOptions = DeclarationOptions()) { self.options = options }

    /// Most findings that one run reports.
    static let findingLimit = 1_000

    /// Everything that is wrong, in the order of the file, each place and text once.
    var allFindings: [Finding] {
        let ordered = self.orderedFindings
        guard ordered.count > Self.findingLimit else { return ordered }
        let more = "and \(ordered.count - Self.findingLimit) findings more"
        return ordered.prefix(Self.findingLimit) + [Finding(at: .root, more)]
    }

    private var orderedFindings: [Finding] {
        struct Key: Hashable {
            let location: FieldPath
            let message: String
        }
        var seen: Set<Key> = []
        // What follows from a placeholder that is not filled in would only hide it.
        let unfilled = Set(self.placeholders.map(\.location))
        return (self.placeholders + self.findings.filter { !unfilled.contains($0.location) })
            .filter { seen.insert(Key(location: $0.location, message: $0.message)).inserted }
            .enumerated()
            .sorted { left, right in
                (left.element.line ?? 0, left.element.column ?? 0, left.offset)
                    < (right.element.line ?? 0, right.element.column ?? 0, right.offset)
            }
            .map(\.element)
    }

    mutating func read(_ root: DocumentNode) {
        guard case .object(let fields) = root.value else {
            self.fail(.root, "expected an object", root)
            return
        }
        self.readFormat(fields, root)
        if fields.contains(where: { $0.name == "_transform" && $0.node.value == .bool(false) }) {
            self.passwords = .kongs
        }
        if self.options.variables == nil, Placeholders.isUsed(in: root) {
            self.placeholders = Placeholders.findings(in: root)
        }
        self.deck = DeckContent(fields)
        self.findings += self.deck.findings
        self.warnings += self.deck.warnings
        for field in fields { self.readTopLevel(field) }
        self.resolveReferences()
        self.decode()
    }

    /// Frees the entries, all that a large file said, beside whoever waits for what they came to.
    mutating func dispose() {
        let entries = self.entries
        self.entries = []
        DispatchQueue.global(qos: .utility).async { withExtendedLifetime(entries) {} }
    }

    private mutating func readFormat(_ fields: [DocumentField], _ root: DocumentNode) {
        let location = FieldPath.root.field("_format_version")
        guard let field = fields.first(where: { $0.name == "_format_version" }),
            !field.node.value.isNull
        else {
            self.fail(location, "required field missing", root)
            return
        }
        guard let text = field.node.value.text else {
            self.fail(location, "expected a string", field.node)
            return
        }
        guard let format = DeclarationFormat(rawValue: text) else {
            self.fail(location, "expected one of: 1.1, 2.1, 3.0", field.node)
            return
        }
        self.format = format
    }

    private mutating func readTopLevel(_ field: DocumentField) {
        let location = FieldPath.root.field(field.name)
        if let kind = EntityKind(rawValue: field.name) {
            self.readCollection(kind, field, at: location, parent: nil)
            return
        }
        switch TopLevelKey.meaning(of: field) {
        case .known: break
        case .ignored(let message): self.warn(location, message, field)
        case .refused(let message): self.fail(location, message, field)
        }
    }

    private mutating func readCollection(
        _ kind: EntityKind,
        _ field: DocumentField,
        at location: FieldPath,
        parent: (index: Int, field: String)?
    ) {
        switch field.node.value {
        case .null:
            return
        case .array(let nodes):
            if parent == nil, self.readParts(kind, nodes, at: location) { return }
            for (index, node) in nodes.enumerated() {
                self.readEntry(kind, node, at: location.index(index), parent: parent)
            }
        case .object(let fields) where fields.isEmpty:
            return
        case .bool, .integer, .number, .string, .object:
            self.fail(location, "expected an array", field.node)
        }
    }

    /// Nodes of one collection that a processor reads at a time.
    static let partSize = 4_096

    /// Reads a large collection on all processors; `false`, and nothing is read, when it is not large, or
    /// when entries in different parts say the very same: these get their ids one after another.
    private mutating func readParts(
        _ kind: EntityKind,
        _ nodes: [DocumentNode],
        at location: FieldPath
    ) -> Bool {
        guard nodes.count > Self.partSize else { return false }
        var empty = DeclarationReader(options: self.options)
        (empty.format, empty.deck) = (self.format, self.deck)
        let reader = empty
        let starts = Array(stride(from: 0, to: nodes.count, by: Self.partSize))
        let parts = starts.concurrentMap(stretch: 1) { start in
            var part = reader
            for index in start..<min(start + Self.partSize, nodes.count) {
                part.readEntry(kind, nodes[index], at: location.index(index), parent: nil)
            }
            return part
        }
        var derivedIDs = self.derivedIDs
        for id in parts.lazy.flatMap(\.derivedIDs) where !derivedIDs.insert(id).inserted {
            return false
        }
        self.derivedIDs = derivedIDs
        self.entries.reserveCapacity(parts.reduce(self.entries.count) { $0 + $1.entries.count })
        for part in parts {
            let base = self.entries.count
            for var entry in part.entries {
                entry.parent?.index += base
                self.entries.append(entry)
            }
            self.findings += part.findings
            self.warnings += part.warnings
        }
        return true
    }

    private mutating func readEntry(
        _ kind: EntityKind,
        _ node: DocumentNode,
        at location: FieldPath,
        parent: (index: Int, field: String)?
    ) {
        guard case .object(let fields) = node.value else {
            self.fail(location, "expected a record", node)
            return
        }
        var own: [DocumentField] = []
        own.reserveCapacity(fields.count)
        var nested: [(kind: EntityKind, field: DocumentField, foreignKey: String)] = []
        for field in OwnFields.restored(fields, of: kind) {
            if let child = EntityNesting.child(field.name, of: kind) {
                nested.append((child.kind, field, child.field))
            } else if let message = self.refusal(of: field, in: kind) {
                self.fail(location.field(field.name), message, field)
                // Without it, other findings would only say that something is missing.
                if field.name == "expression" { own.append(field) }
            } else {
                own.append(field)
            }
        }
        if let parent, own.contains(where: { $0.name == parent.field && !$0.node.value.isNull }) {
            self.fail(location.field(parent.field), "value must be null", node)
        }
        do {
            own = try self.deck.completed(own, of: kind, at: location)
        } catch {
            self.findings.append(error.finding)
            own.removeAll { $0.name == "_config" }
        }
        own = self.format.migrated(own, of: kind)
        if let parent { own = EntityNesting.spelledOut(own, of: kind, in: parent.field) }
        let bare = DocumentNode(.object(own), line: node.line, column: node.column)
        var entry = Entry(kind: kind, location: location, node: bare, parent: parent, id: .zero)
        entry.id = self.identify(entry)
        self.entries.append(entry)
        let index = self.entries.count - 1
        for child in nested {
            self.readCollection(
                child.kind,
                child.field,
                at: location.field(child.field.name),
                parent: (index, child.foreignKey)
            )
        }
    }

    private func refusal(of field: DocumentField, in kind: EntityKind) -> String? {
        guard !field.node.value.isEmptyCollection else { return nil }
        return UnbuiltFeatures.refusal(
            ofField: field.name,
            in: kind,
            flavor: self.options.flavor
        )
            ?? UnbuiltFeatures.refusal(ofCollection: field.name)
    }

    /// The entry's own id, else one derived from its natural key, else from its content.
    private mutating func identify(_ entry: Entry) -> EntityID {
        if let given = entry.node.value["id"], !given.isNull {
            return given.text.flatMap { EntityID($0) } ?? .zero
        }
        let parent = entry.parent.map { self.entries[$0.index].id }
        if let key = NaturalKey.text(entry, parent: parent) {
            return DerivedID.make(entry.kind, key: key)
        }
        let content = String(decoding: entry.node.value.canonicalJSON, as: UTF8.self)
        let base = "content:\(parent?.description ?? ""):\(content)"
        var id = DerivedID.make(entry.kind, key: base)
        var copy = 1
        while !self.derivedIDs.insert(id).inserted {
            copy += 1
            id = DerivedID.make(entry.kind, key: "\(base)#\(copy)")
        }
        return id
    }

    private mutating func resolveReferences() {
        var directory = EntityDirectory(self.entries)
        // Whoever walked the list itself would make a copy of it at the first change.
        for index in self.entries.indices {
            let entry = self.entries[index]
            let fields = entry.node.value.fields ?? []
            let hasID = entry.node.value["id"].map { !$0.isNull } ?? false
            var resolved: [DocumentField] = []
            resolved.reserveCapacity(fields.count + 2)
            for var field in fields
            where field.name != entry.parent?.field && (hasID || field.name != "id") {
                if let target = EntityNesting.reference(field.name, of: entry.kind),
                    let value = self.resolve(field, target, entry, &directory)
                {
                    field.node.value = value
                }
                resolved.append(field)
            }
            if let parent = entry.parent {
                let id = self.entries[parent.index].id
                resolved.append(
                    DocumentField(parent.field, .record(["id": .string(id.description)]))
                )
            }
            if !hasID { resolved.append(DocumentField("id", .string(entry.id.description))) }
            self.entries[index].node.value = .object(resolved)
        }
    }

    private mutating func resolve(
        _ field: DocumentField,
        _ target: EntityKind,
        _ entry: Entry,
        _ directory: inout EntityDirectory
    ) -> DocumentValue? {
        let value = field.node.value
        guard !value.isNull else { return nil }
        self.refuseUnknownFields(of: field, entry)
        let key = value.text ?? value["id"]?.text ?? value["name"]?.text ?? value["username"]?.text
        if let key, let id = directory.find(target, key) {
            return .record(["id": .string(id.description)])
        }
        guard value.text != nil || value.fields != nil else {
            self.fail(entry.location.field(field.name), "expected a string", field.node)
            return .record(["id": .string(EntityID.zero.description)])
        }
        let shown = value.text ?? value.json
        self.fail(
            entry.location.field(field.name),
            "invalid reference '\(field.name): \(shown)' (no such entry in '\(target.rawValue)')",
            field.node
        )
        return .record(["id": .string(EntityID.zero.description)])
    }

    /// A reference that says more than whom it refers to says something that would be ignored.
    private mutating func refuseUnknownFields(of field: DocumentField, _ entry: Entry) {
        for inner in field.node.value.fields ?? []
        where !["id", "name", "username"].contains(inner.name) {
            let location = entry.location.field(field.name).field(inner.name)
            self.fail(location, "unknown field", inner)
        }
    }

    private mutating func decode() {
        self.readEntities()
        var places = EntityPlaces()
        var routeCount = 0
        for entry in self.entries {
            let place = EntityPlaces.Place(location: entry.location, node: entry.node)
            places.append(place, of: entry.kind)
            guard entry.kind == .routes else { continue }
            self.checkRoute(entry, self.configuration.routes[routeCount])
            routeCount += 1
        }
        self.disableUnknownPlugins()
        self.checkPlugins(places)
        self.completeCredentials(places)
        var check = CertificateCheck(places: places)
        check.run(&self.configuration)
        self.findings += check.findings + self.configuration.findings(at: places)
        self.warnings += check.warnings
        self.warnings += DeclarationLint.warnings(self.entries, self.format)
        self.warnings += DuplicateRoutes.warnings(self.configuration.routes, places)
        self.warnings += MisledRoutes.warnings(self.configuration, places)
        self.hints = ConfigurationLint.hints(self.configuration, places)
    }

    /// Entries that one processor reads at a time.
    private static let stretch = 8_192

    /// Reads the entities of all entries, on all processors where there are many.
    private mutating func readEntities() {
        let entries = self.entries
        let starts = Array(stride(from: 0, to: entries.count, by: Self.stretch))
        let parts = starts.concurrentMap(stretch: 1) { start in
            var configuration = GatewayConfiguration()
            var findings: [Finding] = []
            for entry in entries[start..<min(start + Self.stretch, entries.count)] {
                configuration.append(entry.node, entry.kind, at: entry.location, &findings)
            }
            return (configuration: configuration, findings: findings)
        }
        for part in parts {
            self.configuration.append(part.configuration)
            self.findings += part.findings
        }
    }

    /// Checks the settings of plugins that run here; of others their name is refused.
    private mutating func checkPlugins(_ places: EntityPlaces) {
        for (index, plugin) in self.configuration.plugins.enumerated()
        where UnbuiltFeatures.builtPlugins.contains(plugin.name) {
            self.findings += PluginCatalogue.errors(in: plugin).map { error in
                places.finding(
                    .plugins,
                    index,
                    path: error.field.split(separator: "."),
                    error.message
                )
            }
        }
    }

    /// Hashes passwords, and looks into keys.
    private mutating func completeCredentials(_ places: EntityPlaces) {
        self.findings += CredentialRules.complete(
            &self.configuration,
            self.passwords,
            hash: KnownHashes.shared.hash
        ).map { places.finding($0.kind, $0.index, $0.field, $0.message) }
    }

    private mutating func disableUnknownPlugins() {
        guard self.options.unknownPlugins == .disabled else { return }
        for index in self.configuration.plugins.indices
        where UnbuiltFeatures.isUnknown(plugin: self.configuration.plugins[index].name) {
            self.configuration.plugins[index].enabled = false
        }
    }

    /// Checks what depends on the router's flavour, and what the router will have to compile.
    private mutating func checkRoute(_ entry: Entry, _ route: Route) {
        self.checkPatterns(entry)
        let fields = entry.node.value.fields ?? []
        for (name, message) in route.faults(under: self.options.flavor) {
            let location = entry.location.field(name)
            if let field = fields.first(where: { $0.name == name }) {
                self.fail(location, message, field)
            } else {
                // A fault of the whole route stands where its expression is written.
                let node = fields.first { $0.name == "expression" }?.node ?? entry.node
                self.fail(location, message, node)
            }
        }
        if self.options.flavor != .traditional, route.pathHandling == .v1,
            let field = fields.first(where: { $0.name == "path_handling" })
        {
            self.warn(
                entry.location.field(field.name),
                "path_handling 'v1' has no effect under the router flavor "
                    + "'\(self.options.flavor.rawValue)': paths are joined as 'v0' does",
                field
            )
        }
        guard self.options.flavor == .expressions, let expression = route.expression,
            RoutePattern.mixesOperators(in: expression),
            let node = fields.first(where: { $0.name == "expression" })?.node
        else { return }
        self.warnings.append(
            Finding(
                at: entry.location.field("expression"),
                "'||' binds tighter than '&&' here as in Kong; write parentheses",
                line: node.line,
                column: node.column
            )
        )
    }

    /// Compiles the regexes of a route.
    private mutating func checkPatterns(_ entry: Entry) {
        for (index, path) in (entry.node.value["paths"]?.nodes ?? []).enumerated() {
            guard let text = path.value.text, text.hasPrefix("~/") else { continue }
            let location = entry.location.field("paths").index(index)
            self.checkPattern(String(text.dropFirst()), location, path)
        }
        for header in entry.node.value["headers"]?.fields ?? [] {
            guard let values = header.node.value.nodes, values.count == 1,
                let text = values[0].value.text, text.hasPrefix("~*")
            else { continue }
            let location = entry.location.field("headers").field(header.name)
            self.checkPattern(String(text.dropFirst(2)), location, values[0])
        }
    }

    private mutating func checkPattern(
        _ pattern: String,
        _ location: FieldPath,
        _ node: DocumentNode
    ) {
        guard let reason = RoutePattern.check(regex: pattern) else { return }
        self.fail(location, "invalid regex: '\(pattern)' (PCRE returned: \(reason))", node)
    }

    private mutating func fail(_ location: FieldPath, _ message: String, _ node: DocumentNode) {
        self.findings.append(
            Finding(at: location, message, line: node.line, column: node.column)
        )
    }

    private mutating func fail(_ location: FieldPath, _ message: String, _ field: DocumentField) {
        self.findings.append(
            Finding(at: location, message, line: field.line, column: field.column)
        )
    }

    private mutating func warn(_ location: FieldPath, _ message: String, _ field: DocumentField) {
        self.warnings.append(
            Finding(at: location, message, line: field.line, column: field.column)
        )
    }
}

extension EntityID {
    /// Stands for an id that could not be read.
    static let zero = EntityID(high: 0, low: 0)
}

extension DocumentValue {
    /// The elements of an array with their places.
    var nodes: [DocumentNode]? {
        guard case .array(let nodes) = self else { return nil }
        return nodes
    }

    /// Whether nothing is in it.
    var isEmptyCollection: Bool {
        switch self {
        case .null: true
        case .array(let nodes): nodes.isEmpty
        case .object(let fields): fields.isEmpty
        case .bool, .integer, .number, .string: false
        }
    }
}
