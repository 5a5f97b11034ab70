import MeshEntities
import MeshHTTP

/// Kong's `request-transformer`: edits what the target gets of a request: method, path, query,
/// fields, body.
///
/// Every rule's value is a ``TextTemplate``, rendered before anything is changed.
///
/// Source: Kong 3.9, `kong/plugins/request-transformer/access.lua`.
struct RequestTransformer: Sendable {
    static let definition = PluginDefinition(
        name: "request-transformer",
        priority: 801,
        fields: RequestTransformer.fields
    ) { settings throws(PluginError) in
        try RequestTransformer(settings).step
    }

    private static func section(_ name: String, path: Bool = false) -> FieldSchema {
        var fields = ["body", "headers", "querystring"].map {
            FieldSchema.standard($0, .array(.string), .list([]))
        }
        if path { fields.append(FieldSchema("uri", .string)) }
        return FieldSchema(name, .record(fields))
    }

    private static let fields: [FieldSchema] = [
        FieldSchema("http_method", .string), Self.section("remove"), Self.section("rename"),
        Self.section("replace", path: true), Self.section("add"), Self.section("append"),
    ]

    /// Methods whose responses or connections are read in another way than the client's own.
    private static let refusedMethods: Set<String> = ["HEAD", "CONNECT", "TRACE"]

    private let method: [UInt8]
    private let path: TextTemplate?
    private let headers: TransformRules<TextTemplate>
    private let query: TransformRules<TextTemplate>
    private let body: TransformRules<TextTemplate>

    private init(_ settings: PluginSettings) throws(PluginError) {
        let lists = TransformSettings(settings: settings)
        let method = try settings.text("http_method") ?? ""
        guard method.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else {
            throw settings.error("http_method", "invalid value: \(method)")
        }
        guard !Self.refusedMethods.contains(method) else {
            throw settings.error("http_method", "'\(method)' is not built")
        }
        self.method = Array(method.utf8)
        if let uri = try settings.record("replace").text("uri") {
            self.path = try lists.template(uri, "replace", "uri")
        } else {
            self.path = nil
        }
        self.headers = try lists.templates("headers", .headers)
        self.query = try lists.templates("querystring", .others)
        self.body = try lists.templates("body", .others)
    }

    private var step: PluginStep {
        PluginStep(
            access: { request, _, edits in self.access(request, &edits) },
            whole: { side, request, edits, body, _ in
                side == .request ? self.change(body, request, edits) : nil
            },
            check: { request, _, body in self.check(request, body) },
            readsCaptures: self.templates.contains(where: \.readsCaptures)
        )
    }

    private var templates: [TextTemplate] {
        [self.headers, self.query, self.body].flatMap { rules in
            (rules.replace + rules.add + rules.append).map(\.value)
        } + [self.path].compactMap { $0 }
    }

    private func access(_ request: PluginRequest, _ edits: inout PluginEdits) -> PluginVerdict {
        let values = RequestValues(request, edits)
        let path = self.path?.render(values)
        let headers = self.headers.mapValues { $0.render(values) }
        let query = self.query.isEmpty ? nil : self.query.mapValues { $0.render(values) }
        let kind = self.body.isEmpty ? nil : BodyKind(values.contentType)
        if let path {
            // As in Kong, where a path that does not begin with a slash is an error of the plugin.
            guard path.first == UInt8(ascii: "/") else {
                return .answer(PluginAnswer(status: 500, error: "An unexpected error occurred"))
            }
            path.withUnsafeBytes { edits.path.write($0) }
        }
        self.method.withUnsafeBytes { edits.method.write($0) }
        HeaderRules(headers).apply(to: &edits)
        if let query { Self.apply(query, request, &edits) }
        switch kind {
        case nil: break
        case .json, .form: edits.collectsBody = true
        case .multipart:
            edits.collectsBody = true
            // What was to be removed is not let through in parts that cannot be told apart.
            edits.requiresBody = true
        }
        return .next
    }

    private static func apply(
        _ rules: TransformRules<[UInt8]>,
        _ request: PluginRequest,
        _ edits: inout PluginEdits
    ) {
        var arguments = Arguments(
            UnsafeRawBufferPointer(rebasing: request.query(edits).dropFirst())
        )
        arguments.apply(rules)
        let text = arguments.encoded
        edits.beginQuery()
        guard !text.isEmpty else { return }
        edits.query.write("?")
        text.withUnsafeBytes { edits.query.write($0) }
    }

    private func change(
        _ body: [UInt8],
        _ request: PluginRequest,
        _ edits: PluginEdits
    ) -> [UInt8]? {
        let values = RequestValues(request, edits)
        var rules = self.body.mapValues { $0.render(values) }
        // Kong changes nothing that is there in a body that is not there.
        if body.isEmpty { rules = TransformRules(add: rules.add, append: rules.append) }
        switch BodyKind(values.contentType) {
        case .json:
            let texts = rules.mapValues {
                DocumentValue.string(String(decoding: $0, as: UTF8.self))
            }
            return JSONRules(texts).apply(to: body.isEmpty ? Array("{}".utf8) : body)
        case .form:
            var arguments = body.withUnsafeBytes { Arguments($0) }
            let before = arguments
            arguments.apply(rules)
            return arguments == before ? nil : arguments.encoded
        case .multipart:
            // Only what another plugin has called by this type was not looked at before.
            guard var parts = FormParts(body, type: values.writtenType) else { return [] }
            let before = parts
            parts.apply(rules)
            return parts == before ? nil : parts.encoded
        case nil: return nil
        }
    }

    private static let typeField = Array("content-type".utf8)

    /// Refuses a body whose parts cannot be told apart.
    private func check(_ request: PluginRequest, _ body: [UInt8]) -> PluginAnswer? {
        let type = request.value(named: Self.typeField).map { String(decoding: $0, as: UTF8.self) }
        guard !self.body.isEmpty, !body.isEmpty, let type,
            case .multipart = BodyKind(type.lowercased()),
            FormParts(body, type: type) == nil
        else { return nil }
        return PluginAnswer(status: 400, error: "Malformed multipart body")
    }
}

/// How a body is written, as far as it can be transformed.
enum BodyKind {
    case json
    case form
    case multipart

    /// Reads a `Content-Type` in lower case; nil for all others.
    init?(_ type: String) {
        if type.contains("application/json") {
            self = .json
        } else if type.contains("multipart/form-data") {
            self = .multipart
        } else if type.contains("application/x-www-form-urlencoded") {
            self = .form
        } else {
            return nil
        }
    }
}
