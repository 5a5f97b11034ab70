import MeshEntities

/// Reading of the lists that both transformers have, with Kong's messages.
///
/// Source: Kong 3.9, `schema.lua` of `request-transformer` and `response-transformer`.
struct TransformSettings {
    /// What names the entries of a list have.
    enum Names {
        case headers
        case others
    }

    let settings: PluginSettings

    /// The rules of one kind: `headers`, `querystring`, `body` or `json`.
    func rules(
        _ kind: String,
        _ names: Names
    ) throws(PluginError) -> TransformRules<String> {
        var rules = TransformRules<String>()
        rules.remove = try self.entries("remove", kind, names).map(\.name)
        rules.rename = try self.pairs("rename", kind, names).map { ($0.name, $0.value) }
        rules.replace = try self.pairs("replace", kind, names)
        rules.add = try self.pairs("add", kind, names)
        rules.append = try self.pairs("append", kind, names)
        guard names == .headers else { return rules }
        for (index, rename) in rules.rename.enumerated() where !FieldText.isName(rename.new) {
            throw self.settings.record("rename")
                .error(kind, at: index, "'\(rename.new)' is not a valid header")
        }
        return rules
    }

    private func entries(
        _ section: String,
        _ kind: String,
        _ names: Names
    ) throws(PluginError) -> [TransformEntry] {
        let record = self.settings.record(section)
        var entries: [TransformEntry] = []
        for (index, text) in (try record.texts(kind) ?? []).enumerated() {
            guard let entry = TransformEntry(text) else {
                throw record.error(kind, at: index, "invalid value: \(text)")
            }
            if names == .headers {
                guard FieldText.isName(entry.name) else {
                    throw record.error(kind, at: index, "'\(entry.name)' is not a valid header")
                }
                guard section == "remove" || !Self.isOurs(entry, section) else {
                    throw record.error(
                        kind,
                        at: index,
                        "'\(entry.name)' is written by the gateway itself"
                    )
                }
            }
            entries.append(entry)
        }
        return entries
    }

    private static func isOurs(_ entry: TransformEntry, _ section: String) -> Bool {
        guard entry.name.lowercased() != "host" else { return section == "rename" }
        return FieldText.isReserved(entry.name)
            || (section == "rename" && FieldText.isReserved(entry.value ?? ""))
    }

    private func pairs(
        _ section: String,
        _ kind: String,
        _ names: Names
    ) throws(PluginError) -> [(name: String, value: String)] {
        var pairs: [(String, String)] = []
        for (index, entry) in try self.entries(section, kind, names).enumerated() {
            guard let value = entry.value else {
                throw self.settings.record(section)
                    .error(kind, at: index, "key '\(entry.name)' has no value")
            }
            pairs.append((entry.name, value))
        }
        return pairs
    }

    /// The rules with their values compiled.
    func templates(
        _ kind: String,
        _ names: Names
    ) throws(PluginError) -> TransformRules<TextTemplate> {
        let rules = try self.rules(kind, names)
        var compiled = TransformRules<TextTemplate>(remove: rules.remove, rename: rules.rename)
        compiled.replace = try self.compile(rules.replace, "replace", kind)
        compiled.add = try self.compile(rules.add, "add", kind)
        compiled.append = try self.compile(rules.append, "append", kind)
        return compiled
    }

    private func compile(
        _ pairs: [(name: String, value: String)],
        _ section: String,
        _ kind: String
    ) throws(PluginError) -> [(name: String, value: TextTemplate)] {
        var compiled: [(name: String, value: TextTemplate)] = []
        for (index, pair) in pairs.enumerated() {
            let template = try self.template(pair.value, section, "\(kind).\(index)")
            compiled.append((pair.name, template))
        }
        return compiled
    }

    /// Compiles one template; a faulty one is refused with its expression.
    func template(
        _ text: String,
        _ section: String,
        _ field: String
    ) throws(PluginError) -> TextTemplate {
        do {
            return try TextTemplate(text)
        } catch {
            throw self.settings.record(section).error(
                field,
                "the expression \(error.expression) cannot be obeyed: \(error.reason)"
            )
        }
    }
}
