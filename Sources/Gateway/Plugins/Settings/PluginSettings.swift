import MeshEntities

/// Typed reading of one plugin's `config`; null and a missing field mean the schema's default.
///
/// ``SettingsCheck`` has seen to types, ranges and choices before a plugin reads, so that a reading
/// fails only where the schema says less than the plugin needs.
struct PluginSettings {
    let plugin: Plugin
    let fields: [FieldSchema]
    /// The record at hand: `config`, or a record inside it.
    let record: DocumentValue
    /// The name of the record at hand, as `config.redis`.
    let path: String

    private let logs: (LogPlan) -> any LogTaking

    init(
        plugin: Plugin,
        fields: [FieldSchema],
        logs: @escaping (LogPlan) -> any LogTaking = { UnkeptLog($0) }
    ) {
        self.init(
            plugin: plugin,
            fields: fields,
            record: plugin.config,
            path: "config",
            logs: logs
        )
    }

    private init(
        plugin: Plugin,
        fields: [FieldSchema],
        record: DocumentValue,
        path: String,
        logs: @escaping (LogPlan) -> any LogTaking
    ) {
        self.logs = logs
        self.plugin = plugin
        self.fields = fields
        self.record = record
        self.path = path
    }

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

    func integer(_ name: String) throws(PluginError) -> Int64? {
        guard let value = self.value(name) else { return nil }
        guard case .integer(let number) = value else {
            throw self.error(name, "expected an integer")
        }
        return number
    }

    func number(_ name: String) throws(PluginError) -> Double? {
        switch self.value(name) {
        case nil: nil
        case .integer(let number): Double(number)
        case .number(let number): number
        case .null, .bool, .string, .array, .object: throw self.error(name, "expected a number")
        }
    }

    /// The texts of a list or set; nil when there is neither a value nor a default.
    func texts(_ name: String) throws(PluginError) -> [String]? {
        guard let value = self.value(name) else { return nil }
        guard let elements = value.elements else { throw self.error(name, "expected an array") }
        let texts = elements.compactMap(\.text)
        guard texts.count == elements.count else { throw self.error(name, "expected a string") }
        return texts
    }

    /// The settings of a record inside this one, which may be absent.
    func record(_ name: String) -> PluginSettings {
        var fields: [FieldSchema] = []
        if case .record(let inner) = self.fields.first(where: { $0.name == name })?.shape {
            fields = inner
        }
        return PluginSettings(
            plugin: self.plugin,
            fields: fields,
            record: self.value(name) ?? .object([]),
            path: "\(self.path).\(name)",
            logs: self.logs
        )
    }

    /// What takes the entries of a plan.
    func makeLog(_ plan: LogPlan) -> any LogTaking { self.logs(plan) }

    /// What the instance remembers is set apart by: from what others remember, and from what it
    /// remembered with other settings.
    var memoryID: EntityID {
        let digest = CacheKey(of: Array("\(self.plugin.id) \(self.plugin.config.json)".utf8))
        return EntityID(high: digest.words[0], low: digest.words[1])
    }

    /// As Kong's conditions: a field is wrong given the value of another one.
    func error(_ name: String, _ message: String, given other: String) -> PluginError {
        var error = self.error(name, message)
        error.condition = "\(self.path).\(other)"
        return error
    }

    func error(_ name: String, _ message: String) -> PluginError {
        PluginError(self.plugin, field: "\(self.path).\(name)", message)
    }

    /// Blames fields together.
    func wholeError(_ message: String) -> PluginError {
        PluginError(self.plugin, field: FieldPath.entityField, message)
    }

    /// What a field holds, or its default.
    func value(_ name: String) -> DocumentValue? {
        if let value = self.record[name], !value.isNull { return value }
        let standard = self.fields.first { $0.name == name }?.standard
        return standard.flatMap { $0.isNull ? nil : $0 }
    }
}
