import MeshEntities

/// Typed reading of one plugin's `config`; null and a missing field mean the default.
struct PluginSettings {
    let plugin: Plugin

    func text(_ name: String) throws(PluginError) -> String? {
        guard let value = self.value(name) else { return nil }
        guard let text = value.text else { throw self.error(name, "expected a string") }
        return text
    }

    func flag(_ name: String) throws(PluginError) -> Bool? {
        guard let value = self.value(name) else { return nil }
        guard case .bool(let flag) = value else { throw self.error(name, "expected a boolean") }
        return flag
    }

    func integer(_ name: String, in range: ClosedRange<Int64>) throws(PluginError) -> Int64? {
        guard let value = self.value(name) else { return nil }
        guard case .integer(let number) = value else {
            throw self.error(name, "expected an integer")
        }
        guard range.contains(number) else {
            throw self.error(
                name,
                "value should be between \(range.lowerBound) and \(range.upperBound)"
            )
        }
        return number
    }

    func refuseOthers(than known: [String]) throws(PluginError) {
        for field in self.plugin.config.fields ?? [] where !known.contains(field.name) {
            throw self.error(field.name, "unknown field")
        }
    }

    func error(_ name: String, _ message: String) -> PluginError {
        PluginError(self.plugin, field: "config.\(name)", message)
    }

    private func value(_ name: String) -> DocumentValue? {
        guard let value = self.plugin.config[name], !value.isNull else { return nil }
        return value
    }
}
