import MeshEntities
import MeshHTTP

/// Kong's `response-transformer`: edits what the client gets of a response: fields, and bodies that
/// are JSON.
///
/// Source: Kong 3.9, `kong/plugins/response-transformer`.
struct ResponseTransformer: Sendable {
    static let definition = PluginDefinition(
        name: "response-transformer",
        priority: 800,
        fields: ResponseTransformer.fields
    ) { settings throws(PluginError) in
        try ResponseTransformer(settings).step
    }

    private static let types = ["boolean", "number", "string"]

    private static func section(_ name: String, types: Bool = false) -> FieldSchema {
        var fields = ["json", "headers"].map {
            FieldSchema.standard($0, .array(.string), .list([]))
        }
        if types { fields.append(.choices("json_types", Self.types, standard: [])) }
        return FieldSchema(name, .record(fields))
    }

    private static let fields: [FieldSchema] = [
        Self.section("remove"), Self.section("rename"), Self.section("replace", types: true),
        Self.section("add", types: true), Self.section("append", types: true),
    ]

    private let headers: HeaderRules
    private let json: TransformRules<DocumentValue>

    private init(_ settings: PluginSettings) throws(PluginError) {
        let lists = TransformSettings(settings: settings)
        self.headers = HeaderRules(
            try lists.rules("headers", .headers).mapValues { Array($0.utf8) }
        )
        let texts = try lists.rules("json", .others)
        var json = TransformRules<DocumentValue>(remove: texts.remove, rename: texts.rename)
        json.replace = try Self.typed(texts.replace, "replace", settings)
        json.add = try Self.typed(texts.add, "add", settings)
        json.append = try Self.typed(texts.append, "append", settings)
        self.json = json
    }

    /// Values with the types that `json_types` gives by place; texts where it gives none.
    private static func typed(
        _ pairs: [(name: String, value: String)],
        _ section: String,
        _ settings: PluginSettings
    ) throws(PluginError) -> [(name: String, value: DocumentValue)] {
        let types = try settings.record(section).texts("json_types") ?? []
        return pairs.enumerated().compactMap { index, pair in
            switch index < types.count ? types[index] : "string" {
            case "boolean": return (pair.name, .bool(pair.value == "true"))
            case "number":
                // What is no number is nil in Lua, and does nothing.
                guard let number = Double(pair.value), number.isFinite else { return nil }
                return (pair.name, DocumentValue(number))
            default: return (pair.name, .string(pair.value))
            }
        }
    }

    private var step: PluginStep {
        PluginStep(
            response: { _, _, edits in self.response(&edits) },
            whole: { side, _, _, body, _ in
                side == .response ? JSONRules(self.json).apply(to: body) : nil
            }
        )
    }

    private func response(_ edits: inout PluginEdits) {
        // The body's kind is judged by the type that the target gave it.
        if !self.json.isEmpty, Self.isJSON(edits) { edits.collectsBody = true }
        self.headers.apply(to: &edits)
    }

    private static func isJSON(_ edits: PluginEdits) -> Bool {
        guard let type = edits.currentValues(of: Array("content-type".utf8)).first else {
            return false
        }
        return String(decoding: type, as: UTF8.self).lowercased().contains("application/json")
    }
}
