internal import MeshEntities

/// Explicit types of YAML values: the standard ones are obeyed, all others are refused.
///
/// A tag that is ignored changes what a file says: `!secret name` is no name.
///
/// Source: yaml.org/type.
enum YAMLTag: String {
    case text = "tag:yaml.org,2002:str"
    case sequence = "tag:yaml.org,2002:seq"
    case mapping = "tag:yaml.org,2002:map"
    case integer = "tag:yaml.org,2002:int"
    case number = "tag:yaml.org,2002:float"
    case bool = "tag:yaml.org,2002:bool"
    case null = "tag:yaml.org,2002:null"

    private static let standard = "tag:yaml.org,2002:"

    /// Refuses a tag of a mapping, a sequence or a key that is not the one such a thing may have.
    static func check(
        _ name: String?,
        _ allowed: YAMLTag,
        _ place: (line: Int, column: Int)
    ) throws(DocumentError) {
        guard let name, name != allowed.rawValue else { return }
        throw Self.unknown(name, place)
    }

    /// What a scalar means with its tag.
    static func value(
        _ text: String,
        _ name: String,
        _ place: (line: Int, column: Int)
    ) throws(DocumentError) -> DocumentValue {
        guard let tag = YAMLTag(rawValue: name) else { throw Self.unknown(name, place) }
        let value = YAMLScalar.value(text)
        switch (tag, value) {
        case (.text, _): return .string(text)
        case (.integer, .integer), (.number, .number), (.bool, .bool), (.null, .null): return value
        case (.number, .integer(let number)): return .number(Double(number))
        case (.sequence, _), (.mapping, _): throw Self.unknown(name, place)
        case (.integer, _), (.number, _), (.bool, _), (.null, _):
            let message = "'\(text)' is no value of type '\(Self.shown(name))'"
            throw DocumentError(message: message, line: place.line, column: place.column)
        }
    }

    private static func unknown(
        _ name: String,
        _ place: (line: Int, column: Int)
    ) -> DocumentError {
        let message = "unknown tag '\(Self.shown(name))': only YAML's own types are read"
        return DocumentError(message: message, line: place.line, column: place.column)
    }

    private static func shown(_ name: String) -> String {
        name.hasPrefix(Self.standard) ? "!!" + name.dropFirst(Self.standard.count) : name
    }
}
