internal import MeshEntities

/// What decK's own keys say of the entities of a file.
struct DeckContent {
    /// Tags that every entity gets.
    private var tags: [DocumentNode] = []
    /// Fields that entities of a kind get unless they have them.
    private var defaults: [EntityKind: [DocumentField]] = [:]
    /// Settings that plugins share, by name.
    private var pluginSettings: [String: DocumentValue] = [:]
    private(set) var findings: [Finding] = []
    private(set) var warnings: [Finding] = []

    /// ``tags`` as texts.
    var selectTags: [String] { self.tags.compactMap(\.value.text) }

    /// Reads the keys from the top level of a file.
    init(_ fields: [DocumentField]) {
        for field in fields {
            let location = FieldPath.root.field(field.name)
            switch field.name {
            case "_info": self.readInfo(field, location)
            case "_plugin_configs": self.readSettings(field, location)
            default: break
            }
        }
    }

    private mutating func readInfo(_ info: DocumentField, _ location: FieldPath) {
        guard !info.node.value.isNull else { return }
        guard let fields = info.node.value.fields else {
            return self.fail(location, "expected a record", info)
        }
        for field in fields {
            let place = location.field(field.name)
            switch field.name {
            case "select_tags": self.readTags(field, place)
            case "defaults": self.readDefaults(field, place)
            default: self.fail(place, "unknown field", field)
            }
        }
    }

    private mutating func readTags(_ field: DocumentField, _ place: FieldPath) {
        guard !field.node.value.isEmptyCollection else { return }
        guard let nodes = field.node.value.nodes, nodes.allSatisfy({ $0.value.text != nil })
        else { return self.fail(place, "expected a set", field) }
        self.tags = nodes
        self.warn(
            place,
            "only entities with all of these tags are replaced, and every entity of the file gets them",
            field
        )
    }

    private mutating func readDefaults(_ field: DocumentField, _ place: FieldPath) {
        guard !field.node.value.isEmptyCollection else { return }
        guard let groups = field.node.value.fields else {
            return self.fail(place, "expected a record", field)
        }
        for group in groups where !group.node.value.isEmptyCollection {
            guard let kind = EntityKind.allCases.first(where: { $0.singular == group.name }) else {
                self.fail(place.field(group.name), "unknown field", group)
                continue
            }
            guard let fields = group.node.value.fields else {
                self.fail(place.field(group.name), "expected a record", group)
                continue
            }
            self.defaults[kind] = fields
        }
    }

    private mutating func readSettings(_ field: DocumentField, _ place: FieldPath) {
        guard !field.node.value.isEmptyCollection else { return }
        guard let groups = field.node.value.fields else {
            return self.fail(place, "expected a record", field)
        }
        for group in groups {
            guard group.node.value.isNull || group.node.value.fields != nil else {
                self.fail(place.field(group.name), "expected a record", group)
                continue
            }
            self.pluginSettings[group.name] = group.node.value
        }
    }

    private mutating func fail(_ place: FieldPath, _ message: String, _ field: DocumentField) {
        self.findings.append(Finding(at: place, message, line: field.line, column: field.column))
    }

    private mutating func warn(_ place: FieldPath, _ message: String, _ field: DocumentField) {
        self.warnings.append(Finding(at: place, message, line: field.line, column: field.column))
    }
}

extension DeckContent {
    /// The fields of an entity with tags, defaults and shared settings.
    ///
    /// - Throws: ``UnknownSettings`` for shared settings that the file does not have.
    func completed(
        _ fields: [DocumentField],
        of kind: EntityKind,
        at location: FieldPath
    ) throws(UnknownSettings) -> [DocumentField] {
        var fields = fields
        if kind == .plugins { try self.addSettings(to: &fields, at: location) }
        if let defaults = self.defaults[kind] {
            let hidden = Self.hidden(by: fields, of: kind)
            fields = Self.filled(fields, from: defaults.filter { !hidden.contains($0.name) })
        }
        // To be in a group is no entity of decK's, and has no tags.
        guard !self.tags.isEmpty, kind != .groupMembers else { return fields }
        guard let index = fields.firstIndex(where: { $0.name == "tags" }) else {
            return fields + [DocumentField("tags", DocumentNode(.array(self.tags)))]
        }
        let own = fields[index].node.value.nodes ?? []
        guard fields[index].node.value.isNull || fields[index].node.value.nodes != nil else {
            return fields
        }
        fields[index].node.value = .array(own + self.tags.filter { !own.contains($0) })
        return fields
    }

    /// Settings that a plugin shares by a name that the file does not have.
    struct UnknownSettings: Error {
        let finding: Finding
    }

    /// Defaults that what is written stands for already.
    private static func hidden(by fields: [DocumentField], of kind: EntityKind) -> Set<String> {
        let names = Set(fields.filter { !$0.node.value.isNull }.map(\.name))
        if kind == .services, names.contains("url") {
            return ["protocol", "host", "port", "path", "url"]
        }
        return kind == .routes && names.contains("expression")
            ? ["paths", "hosts", "methods", "headers", "snis", "regex_priority"] : []
    }

    /// The fields, and those of `defaults` that are missing at any depth.
    private static func filled(
        _ fields: [DocumentField],
        from defaults: [DocumentField]
    ) -> [DocumentField] {
        var result = fields
        for field in defaults {
            guard let index = result.firstIndex(where: { $0.name == field.name }) else {
                result.append(field)
                continue
            }
            guard case .object(let own) = result[index].node.value,
                case .object(let inner) = field.node.value
            else { continue }
            result[index].node.value = .object(Self.filled(own, from: inner))
        }
        return result
    }

    private func addSettings(
        to fields: inout [DocumentField],
        at location: FieldPath
    ) throws(UnknownSettings) {
        guard let index = fields.firstIndex(where: { $0.name == "_config" }) else { return }
        let reference = fields.remove(at: index)
        guard !reference.node.value.isNull else { return }
        guard let name = reference.node.value.text, let shared = self.pluginSettings[name] else {
            throw UnknownSettings(
                finding: Finding(
                    at: location.field("_config"),
                    "no such entry in '_plugin_configs'",
                    line: reference.node.line,
                    column: reference.node.column
                )
            )
        }
        let settings = shared.fields ?? []
        guard let own = fields.firstIndex(where: { $0.name == "config" && !$0.node.value.isNull })
        else {
            fields.removeAll { $0.name == "config" }
            fields.append(
                DocumentField(
                    "config",
                    DocumentNode(
                        .object(settings),
                        line: reference.node.line,
                        column: reference.node.column
                    )
                )
            )
            return
        }
        guard case .object(let written) = fields[own].node.value else { return }
        let names = Set(written.map(\.name))
        fields[own].node.value = .object(written + settings.filter { !names.contains($0.name) })
    }
}
