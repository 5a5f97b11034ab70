import Foundation
import MeshEntities

/// Answers lists and look-ups over one reading of the node's entities.
struct EntityTable {
    /// The fields that hold secrets, printed as `******`.
    private static let secrets: [EntityKind: Set<String>] = [.certificates: ["key", "key_alt"]]

    private let rows: [EntityRow]

    init(_ rows: [EntityRow]) {
        self.rows = rows.sorted { left, right in left.id < right.id }
    }

    /// The field by which an entity of a kind may be addressed beside its id.
    static func naturalKey(of kind: EntityKind) -> String? {
        switch kind {
        case .services, .routes, .upstreams, .snis: "name"
        case .targets: "target"
        case .consumers: "username"
        case .plugins: "instance_name"
        case .certificates, .caCertificates: nil
        }
    }

    /// Rows of a kind, those of one parent only when one is given.
    ///
    /// Sorted by id; targets by creation, newest first, as Kong does.
    func rows(of kind: EntityKind, belongingTo parent: Parent? = nil) -> [EntityRow] {
        let found = self.rows.filter { row in
            row.kind == kind && parent.map { row.reference($0.field) == $0.id } ?? true
        }
        guard kind == .targets else { return found }
        return found.sorted { left, right in left.created > right.created }
    }

    /// The row with this id or natural key.
    func row(
        of kind: EntityKind,
        named key: String,
        belongingTo parent: Parent? = nil
    ) -> EntityRow? {
        let field = Self.naturalKey(of: kind)
        return self.rows(of: kind, belongingTo: parent).first { row in
            row.id == key.lowercased() || field.map { row.document[$0]?.text == key } ?? false
        }
    }

    /// The entity as it is printed.
    static func printed(_ row: EntityRow) -> DocumentValue {
        guard let hidden = Self.secrets[row.kind], case .object(let fields) = row.document else {
            return row.document
        }
        return .object(
            fields.map { field in
                hidden.contains(field.name) && !field.node.value.isNull
                    ? DocumentField(field.name, .string("******")) : field
            }
        )
    }

    /// A foreign key's field and value.
    struct Parent {
        let field: String
        let id: String
    }
}

extension EntityRow {
    /// The id that a foreign key holds.
    func reference(_ field: String) -> String? { self.document[field]?["id"]?.text }

    /// Its tags.
    var tags: [String] { self.document["tags"]?.elements?.compactMap(\.text) ?? [] }

    fileprivate var created: Double {
        switch self.document["created_at"] {
        case .integer(let seconds): Double(seconds)
        case .number(let seconds): seconds
        default: 0
        }
    }
}
