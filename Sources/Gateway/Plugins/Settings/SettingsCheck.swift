import MeshEntities

/// Checks settings against their schema, in Kong's words.
///
/// Source: Kong's `kong/db/schema/init.lua`, version 3.9.
enum SettingsCheck {
    /// Everything that the schema says is wrong, in the order of the document.
    static func errors(in settings: PluginSettings) -> [PluginError] {
        Self.findings(in: settings).map { PluginError(settings.plugin, field: $0.path, $0.message) }
    }

    /// The first thing that keeps settings from being used which other releases may have accepted: they
    /// may hold empty texts.
    static func stored(_ settings: PluginSettings) -> PluginError? {
        Self.findings(in: settings).first { !$0.isEmptyText }
            .map { PluginError(settings.plugin, field: $0.path, $0.message) }
    }

    private typealias Findings = [Finding]

    private struct Finding {
        let path: String
        let message: String
        var isEmptyText = false

        init(_ path: String, _ message: String) { (self.path, self.message) = (path, message) }

        /// Of an empty text.
        init(emptyAt path: String) {
            self.init(path, "length must be at least 1")
            self.isEmptyText = true
        }
    }

    private static func findings(in settings: PluginSettings) -> Findings {
        var findings: Findings = []
        Self.check(settings.record, settings.fields, settings.path, &findings)
        return findings
    }

    /// What Kong 3.0 calls fields that it had before.
    private static let renamed = ["whitelist": "allow", "blacklist": "deny"]

    private static func check(
        _ record: DocumentValue,
        _ fields: [FieldSchema],
        _ path: String,
        _ findings: inout Findings
    ) {
        for field in record.fields ?? [] {
            let name = "\(path).\(field.name)"
            guard let schema = fields.first(where: { $0.name == field.name }) else {
                findings.append(Finding(name, Self.unknown(field.name, fields)))
                continue
            }
            guard !field.node.value.isNull else { continue }
            Self.check(field.node.value, schema.shape, schema, name, &findings)
        }
        for schema in fields where schema.isRequired && (schema.standard?.isNull ?? true) {
            guard record[schema.name]?.isNull ?? true else { continue }
            findings.append(Finding("\(path).\(schema.name)", "required field missing"))
        }
    }

    private static func unknown(_ name: String, _ fields: [FieldSchema]) -> String {
        guard let new = Self.renamed[name], fields.contains(where: { $0.name == new }) else {
            return "unknown field"
        }
        return "unknown field; since Kong 3.0 it is called '\(new)'"
    }

    private static func check(
        _ value: DocumentValue,
        _ shape: FieldSchema.Shape,
        _ schema: FieldSchema,
        _ path: String,
        _ findings: inout Findings
    ) {
        switch shape {
        case .string:
            guard let text = value.text else {
                return findings.append(Finding(path, "expected a string"))
            }
            guard schema.takesEmpty || !text.isEmpty else {
                return findings.append(Finding(emptyAt: path))
            }
            guard schema.choices.isEmpty || schema.choices.contains(text) else {
                let choices = schema.choices.joined(separator: ", ")
                return findings.append(Finding(path, "expected one of: \(choices)"))
            }
        case .integer:
            guard case .integer(let number) = value else {
                return findings.append(Finding(path, "expected an integer"))
            }
            Self.check(Double(number), schema, path, &findings)
        case .number:
            switch value {
            case .integer(let number): Self.check(Double(number), schema, path, &findings)
            case .number(let number): Self.check(number, schema, path, &findings)
            case .null, .bool, .string, .array, .object:
                findings.append(Finding(path, "expected a number"))
            }
        case .boolean:
            guard case .bool = value else {
                return findings.append(Finding(path, "expected a boolean"))
            }
        case .array(let element), .set(let element):
            guard let values = value.elements else {
                let isSet = if case .set = shape { true } else { false }
                return findings.append(
                    Finding(path, isSet ? "expected a set" : "expected an array")
                )
            }
            for (index, value) in values.enumerated() {
                Self.check(value, element, schema, "\(path).\(index)", &findings)
            }
        case .map(let element):
            guard let fields = value.fields else {
                return findings.append(Finding(path, "expected a map"))
            }
            for field in fields {
                Self.check(field.node.value, element, schema, "\(path).\(field.name)", &findings)
            }
        case .record(let fields):
            guard value.fields != nil else {
                return findings.append(Finding(path, "expected a record"))
            }
            Self.check(value, fields, path, &findings)
        case .foreign: break
        }
    }

    private static func check(
        _ number: Double,
        _ schema: FieldSchema,
        _ path: String,
        _ findings: inout Findings
    ) {
        guard let range = schema.range, !range.contains(number) else { return }
        let bounds = [range.lowerBound, range.upperBound].map { DocumentValue($0).json }
        findings.append(Finding(path, "value should be between \(bounds[0]) and \(bounds[1])"))
    }
}
