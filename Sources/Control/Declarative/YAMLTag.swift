internal import MeshEntities
internal import Yams

/// Explicit types of YAML values: the standard ones are obeyed, all others are refused.
///
/// A tag that is ignored changes what a file says: `!secret name` is no name.
///
/// Source: yaml.org/type.
enum YAMLTag {
    private static let standard = "tag:yaml.org,2002:"

    /// Refuses a tag of a mapping, a sequence or a key that is not the one such a thing may have.
    static func check(
        _ tag: Tag,
        allowed: Tag.Name,
        _ place: (Int, Int)
    ) throws(DocumentError) {
        let name = tag.rawValue
        guard !name.isEmpty, name != allowed.rawValue else { return }
        throw Self.unknown(name, place)
    }

    /// What a scalar means with its tag, or by its form when it has none.
    static func value(
        _ scalar: Node.Scalar,
        _ place: (Int, Int)
    ) throws(DocumentError) -> DocumentValue {
        let text = AliasMark.swapOut(scalar.string)
        let name = scalar.tag.rawValue
        if name.isEmpty {
            return scalar.style == .plain ? YAMLScalar.value(text) : .string(text)
        }
        let value = YAMLScalar.value(text)
        switch (name, value) {
        case (Tag.Name.str.rawValue, _): return .string(text)
        case (Tag.Name.int.rawValue, .integer), (Tag.Name.float.rawValue, .number),
            (Tag.Name.bool.rawValue, .bool), (Tag.Name.null.rawValue, .null):
            return value
        case (Tag.Name.float.rawValue, .integer(let number)): return .number(Double(number))
        case (Tag.Name.int.rawValue, _), (Tag.Name.float.rawValue, _),
            (Tag.Name.bool.rawValue, _), (Tag.Name.null.rawValue, _):
            let message = "'\(text)' is no value of type '\(Self.shown(name))'"
            throw DocumentError(message: message, line: place.0, column: place.1)
        default: throw Self.unknown(name, place)
        }
    }

    private static func unknown(_ name: String, _ place: (Int, Int)) -> DocumentError {
        let message =
            "unknown tag '\(AliasMark.swapOut(Self.shown(name)))': only YAML's own types are read"
        return DocumentError(message: message, line: place.0, column: place.1)
    }

    private static func shown(_ name: String) -> String {
        name.hasPrefix(Self.standard) ? "!!" + name.dropFirst(Self.standard.count) : name
    }
}
