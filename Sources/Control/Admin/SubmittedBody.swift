import Foundation

/// Reads the bodies that the Admin API accepts.
enum SubmittedBody {
    /// What a body of `/config` holds.
    enum Text: Equatable {
        case text(String)
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
            guard let boundary = exchange.mediaParameter("boundary") else {
                return .refused(status: 400, message: "multipart body without boundary")
            }
            return Self.found(Self.multipart(raw, boundary: boundary)["config"])
        case let other where Self.yaml.contains(other): return Self.found(raw)
        case "": return Self.found(raw)
        default: return .refused(status: 415, message: "Unsupported media type")
        }
    }

    /// What is wrong with the body of a write to an entity, if anything; no body is fine.
    static func problem(of exchange: AdminExchange) -> AdminAnswer? {
        guard !exchange.body.isEmpty else { return nil }
        switch exchange.mediaType {
        case "application/json":
            return Self.isJSON(exchange.body)
                ? nil : .message("Cannot parse JSON body", status: 400)
        case "application/x-www-form-urlencoded", "multipart/form-data", "": return nil
        default: return .message("Unsupported media type", status: 415)
        }
    }

    private static func isJSON(_ body: [UInt8]) -> Bool {
        (try? JSONSerialization.jsonObject(with: Data(body), options: .fragmentsAllowed)) != nil
    }

    private static func fromJSON(_ raw: String) -> Text {
        guard let value = try? JSONSerialization.jsonObject(with: Data(raw.utf8)),
            let object = value as? [String: Any]
        else { return .refused(status: 400, message: "Cannot parse JSON body") }
        if object.isEmpty { return .missing }
        guard let config = object["config"] else { return .text(raw) }
        guard let text = config as? String else {
            return .refused(status: 400, message: "the field 'config' must be a string")
        }
        return Self.found(text)
    }

    private static func found(_ text: String?) -> Text {
        guard let text, text.contains(where: { !$0.isWhitespace }) else { return .missing }
        return .text(text)
    }

    /// The fields of a form; the last of several with one name wins.
    static func form(_ raw: String) -> [String: String] {
        var fields: [String: String] = [:]
        for pair in raw.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count == 2 ? parts[1] : ""
            if let name = Self.decoded(parts[0]) { fields[name] = Self.decoded(value) ?? "" }
        }
        return fields
    }

    private static func decoded(_ text: Substring) -> String? {
        text.replacingOccurrences(of: "+", with: " ").removingPercentEncoding
    }

    /// The fields of a multipart form; file parts count as fields.
    static func multipart(_ raw: String, boundary: String) -> [String: String] {
        var fields: [String: String] = [:]
        let text = raw.replacingOccurrences(of: "\r\n", with: "\n")
        for part in ("\n" + text).components(separatedBy: "\n--\(boundary)").dropFirst() {
            guard let gap = part.range(of: "\n\n") else { continue }
            let head = part[..<gap.lowerBound]
            guard let start = head.range(of: "name=\"") else { continue }
            let name = head[start.upperBound...].prefix { $0 != "\"" }
            fields[String(name)] = String(part[gap.upperBound...])
        }
        return fields
    }
}
