import Foundation
import MeshEntities
import MeshPlugins

/// Reads the body of a write to an entity: JSON, form or multipart form.
enum EntityBody {
    /// Most fields of one form.
    private static let fieldLimit = 1_000

    /// A body that cannot be read, and what it is answered with.
    struct Refusal: Error {
        let answer: AdminAnswer
    }

    /// The object that the body holds; an absent body is an object without fields.
    static func read(
        _ exchange: AdminExchange,
        as kind: EntityKind
    ) throws(Refusal) -> DocumentNode {
        guard !exchange.body.isEmpty else { return DocumentNode(.object([])) }
        switch exchange.mediaType {
        case "application/json": return try Self.json(exchange.body)
        case "application/x-www-form-urlencoded":
            guard let text = String(validating: exchange.body, as: UTF8.self) else {
                throw Refusal(answer: .message("the body is not UTF-8 text", status: 400))
            }
            return try Self.form(SubmittedBody.pairs(text), kind)
        case "multipart/form-data":
            guard let parts = exchange.parts else {
                throw Refusal(answer: .message("Cannot parse multipart body", status: 400))
            }
            return try Self.form(parts, kind)
        default: throw Refusal(answer: .message("Unsupported media type", status: 415))
        }
    }

    private static func json(_ body: [UInt8]) throws(Refusal) -> DocumentNode {
        guard let node = try? JSONText.parse(body), node.value.fields != nil else {
            throw Refusal(answer: .message("Cannot parse JSON body", status: 400))
        }
        return node
    }

    private static func form(
        _ pairs: [(name: String, value: String)],
        _ kind: EntityKind
    ) throws(Refusal) -> DocumentNode {
        guard pairs.count <= Self.fieldLimit else {
            throw Refusal(
                answer: .message("a form has at most \(Self.fieldLimit) fields", status: 400)
            )
        }
        var fields = Self.schema(of: kind)
        if kind == .plugins, let name = pairs.first(where: { $0.name == "name" })?.value,
            let own = PluginCatalogue.fields(of: name)
        {
            fields.removeAll { $0.name == "config" }
            fields.append(FieldSchema("config", .record(own)))
        }
        return DocumentNode(FormText.document(pairs, fields: fields))
    }

    /// The fields of a kind and the shorthands that only writes know.
    private static func schema(of kind: EntityKind) -> [FieldSchema] {
        kind == .certificates ? kind.fields + [FieldSchema("snis", .set(.string))] : kind.fields
    }
}
