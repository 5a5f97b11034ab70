import MeshEntities
import MeshHTTP

/// The fields of a body that is a form, in parts or not, or a JSON object, as Kong's
/// `kong.request.get_body` reads it.
///
/// Source: Kong's `kong/pdk/request.lua` and `kong/plugins/key-auth/handler.lua`, version 3.9.
enum BodyFields {
    /// What stands under a name.
    enum Finding: Equatable {
        case nothing
        case text([UInt8])
        /// More than one value, or a list, or an object.
        case several
    }

    case form(Arguments)
    case json([DocumentField])
    case parts(FormParts)

    /// Reads a body of a content type; nil for another type, or what is not well formed.
    init?(_ body: [UInt8], type: UnsafeRawBufferPointer?) {
        guard let type = type.map({ String(decoding: $0, as: UTF8.self) }) else { return nil }
        switch BodyKind(type.lowercased()) {
        case .form: self = .form(body.withUnsafeBytes { Arguments($0) })
        case .json:
            let text = try? JSONText.parse(body, equalNames: .last)
            guard let fields = text?.value.fields else { return nil }
            self = .json(fields)
        case .multipart:
            guard let parts = FormParts(body, type: type) else { return nil }
            self = .parts(parts)
        case nil: return nil
        }
    }

    /// The fields of a request's body, where it was read and has any.
    init?(of request: PluginRequest) {
        guard case .whole(let body) = request.content else { return nil }
        self.init(body, type: request.value(named: Self.typeField))
    }

    /// The body of a request, where it was read and is a JSON array.
    static func list(of request: PluginRequest) -> DocumentValue? {
        guard case .whole(let body) = request.content,
            let type = request.value(named: Self.typeField),
            case .json = BodyKind(String(decoding: type, as: UTF8.self).lowercased()),
            let value = try? JSONText.parse(body, equalNames: .last).value,
            case .array = value
        else { return nil }
        return value
    }

    /// Whether a request has a body with fields that has not been read.
    static func isAwaited(_ request: PluginRequest) -> Bool {
        guard case .unasked = request.content, request.head.framing != .none,
            let type = request.value(named: Self.typeField)
        else { return false }
        switch BodyKind(String(decoding: type, as: UTF8.self).lowercased()) {
        case .form, .json, .multipart: return true
        case nil: return false
        }
    }

    private static let typeField = Array("content-type".utf8)

    /// Whether anything that is not null or false stands under a name, whose case counts.
    func has(_ name: [UInt8]) -> Bool {
        switch self {
        case .form(let arguments): arguments.all.contains { $0.name == name }
        case .parts(let parts): parts.all.contains { $0.name == name }
        case .json(let fields):
            switch fields.first(where: { Array($0.name.utf8) == name })?.node.value {
            case .null, .bool(false), nil: false
            case .bool, .string, .array, .object, .integer, .number: true
            }
        }
    }

    /// What stands under a name, whose case counts.
    subscript(name: [UInt8]) -> Finding {
        switch self {
        case .form(let arguments): return Self.finding(name, in: arguments)
        case .parts(let parts): return Self.finding(name, in: parts.arguments)
        case .json(let fields):
            switch fields.first(where: { Array($0.name.utf8) == name })?.node.value {
            case .string(let text): return .text(Array(text.utf8))
            case .array, .object: return .several
            case .null, .bool, .integer, .number, nil: return .nothing
            }
        }
    }

    private static func finding(_ name: [UInt8], in arguments: Arguments) -> Finding {
        let values = arguments.all.filter { $0.name == name }
        guard values.count < 2 else { return .several }
        return values.first?.value.map { .text($0) } ?? .nothing
    }

    /// The body without what stands under a name; nil when there is nothing of that name.
    func removing(_ name: [UInt8]) -> [UInt8]? {
        switch self {
        case .form(var arguments):
            let count = arguments.all.count
            arguments.remove(name)
            return arguments.all.count < count ? arguments.encoded : nil
        case .parts(var parts):
            let count = parts.all.count
            parts.remove(name)
            return parts.all.count < count ? parts.encoded : nil
        case .json(let fields):
            let kept = fields.filter { Array($0.name.utf8) != name }
            return kept.count < fields.count ? Array(DocumentValue.object(kept).json.utf8) : nil
        }
    }
}
