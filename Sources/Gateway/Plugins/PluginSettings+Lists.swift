import MeshEntities

/// Reading of what has rules beyond the schema, with the messages of Kong's checks.
///
/// Source: Kong 3.9, `kong/db/schema/init.lua`, `validation_errors`.
extension PluginSettings {
    /// A number above 0; nil when it is not given.
    func positive(_ name: String) throws(PluginError) -> Double? {
        guard let number = try self.number(name) else { return nil }
        guard number > 0 else { throw self.error(name, "value must be greater than 0") }
        return number
    }

    /// The regexes of an array; empty when it is not given.
    func patterns(_ name: String) throws(PluginError) -> [PluginPattern] {
        var patterns: [PluginPattern] = []
        for (index, text) in (try self.texts(name) ?? []).enumerated() {
            guard let pattern = PluginPattern(text) else {
                throw self.error(name, at: index, "not a valid regex: \(text)")
            }
            patterns.append(pattern)
        }
        return patterns
    }

    /// Blames one element of a list; `index` counts from 0.
    func error(_ name: String, at index: Int, _ message: String) -> PluginError {
        self.error("\(name).\(index)", message)
    }

    /// Blames the whole plugin: a rule about several fields is broken.
    func ruleError(_ message: String) -> PluginError {
        PluginError(self.plugin, field: FieldPath.entityField, message)
    }

    /// Kong's message when none of a few fields is given.
    func missingAll(of names: [String]) -> PluginError {
        let list = names.map { "'config.\($0)'" }.joined(separator: ", ")
        return self.ruleError("at least one of these fields must be non-empty: \(list)")
    }
}
