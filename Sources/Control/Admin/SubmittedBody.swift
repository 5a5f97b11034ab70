import Foundation
import MeshEntities

/// Reads the bodies that the Admin API accepts.
enum SubmittedBody {
    /// What a body of `/config` holds.
    enum Text: Equatable {
        /// The text, and what it says where it had to be parsed.
        case text(String, DocumentNode?)
        case missing
        case refused(status: Int, message: String)
    }

    private static let yaml: Set = [
        "application/yaml", "text/yaml", "application/x-yaml", "text/x-yaml", "text/plain",
    ]

    /// The declarative text of a raw JSON or YAML body, or of the field `config` of a form.
    static func configuration(of exchange: AdminExchange) -> Text {
        guard !exchange.body.isEmpty else { return .missing }
        guard let raw = String(validating: exchange.body, as: UTF8.self) else {
            return .refused(status: 400, message: "the body is not UTF-8 text")
        }
        switch exchange.mediaType {
        case "application/json": return Self.fromJSON(raw)
        case "application/x-www-form-urlencoded": return Self.found(Self.form(raw)["config"])
        case "multipart/form-data":
            guard let parts = exchange.parts else {
                return .refused(status: 400, message: "Cannot parse multipart body")
            }
            return Self.found(Self.last(of: parts)["config"])
        case let other where Self.yaml.contains(other): return Self.found(raw)
        case "": return Self.found(raw)
        default: return .refused(status: 415, message: "Unsupported media type")
        }
    }

    private static func fromJSON(_ raw: String) -> Text {
        if let node = try? JSONText.parse(Array(raw.utf8)), let fields = node.value.fields,
            !fields.isEmpty, node.value["config"] == nil
        {
            return .text(raw, node)
        }
        guard let value = try? JSONSerialization.jsonObject(with: Data(raw.utf8)),
            let object = value as? [String: Any]
        else { return .refused(status: 400, message: "Cannot parse JSON body") }
        if object.isEmpty { return .missing }
        guard let config = object["config"] else { return .text(raw, nil) }
        guard let text = config as? String else {
            return .refused(status: 400, message: "the field 'config' must be a string")
        }
        return Self.found(text)
    }

    private static func found(_ text: String?) -> Text {
        guard let text, text.contains(where: { !$0.isWhitespace }) else { return .missing }
        return .text(text, nil)
    }

    /// The fields of a form; the last of several with one name wins.
    static func form(_ raw: String) -> [String: String] { Self.last(of: Self.pairs(raw)) }

    /// The fields of a form in order.
    static func pairs(_ raw: String) -> [(name: String, value: String)] {
        raw.split(separator: "&").compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count == 2 ? parts[1] : ""
            return Self.decoded(parts[0]).map { ($0, Self.decoded(value) ?? "") }
        }
    }

    private static func last(of pairs: [(name: String, value: String)]) -> [String: String] {
        Dictionary(pairs.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    }

    private static func decoded(_ text: Substring) -> String? {
        text.replacingOccurrences(of: "+", with: " ").removingPercentEncoding
    }
}
