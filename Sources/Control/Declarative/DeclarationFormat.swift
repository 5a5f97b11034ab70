internal import MeshEntities

/// The formats that a declarative file may be written in.
enum DeclarationFormat: String {
    /// Kong 1.x.
    case first = "1.1"
    /// Kong 2.x.
    case second = "2.1"
    /// Kong 3.x.
    case current = "3.0"

    /// The fields of an entity as format 3.0 would write them.
    ///
    /// Before 3.0 a route's path was a regex when it held any character beyond those of plain
    /// paths; 3.0 marks a regex by `~`.
    func migrated(_ fields: [DocumentField], of kind: EntityKind) -> [DocumentField] {
        guard kind == .routes, self != .current else { return fields }
        return fields.map { field in
            guard field.name == "paths", case .array(let nodes) = field.node.value else {
                return field
            }
            var field = field
            field.node.value = .array(nodes.map(Self.migrated))
            return field
        }
    }

    private static func migrated(_ node: DocumentNode) -> DocumentNode {
        guard let path = node.value.text else { return node }
        let isPlain = path.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"):
                true
            default: ".-_~/%".utf8.contains(byte)
            }
        }
        var node = node
        if !isPlain {
            node.value = .string("~\(path)")
        } else if path.hasPrefix("/"), !path.contains("//") {
            node.value = .string(PathRule.normalized(path))
        }
        return node
    }
}

/// What the keys of a file's top level mean that are no collections of entities built here.
enum TopLevelKey {
    /// What to do about a key.
    enum Meaning {
        /// Understood, or without effect in Kong too.
        case known
        /// Accepted without effect, with a warning.
        case ignored(String)
        /// An error.
        case refused(String)
    }

    private static let deckKeys: Set<String> = ["_workspace", "_konnect", "select_tags"]

    static func meaning(of field: DocumentField) -> Meaning {
        let value = field.node.value
        switch field.name {
        case "_format_version", "_ignore", "_info", "_plugin_configs":
            return .known
        case "_comment":
            return value.isNull || value.text != nil ? .known : .refused("expected a string")
        case "_transform":
            if case .bool = value { return .known }
            return value.isNull ? .known : .refused("expected a boolean")
        case "workspaces", "parameters":
            return .ignored("'\(field.name)' has no effect here")
        case "partials":
            return value.isEmptyCollection
                ? .known : .refused("'\(field.name)' is not built yet")
        default:
            if Self.deckKeys.contains(field.name) {
                return .ignored("'\(field.name)' is decK's and has no effect here")
            }
            guard let message = UnbuiltFeatures.refusal(ofCollection: field.name) else {
                return .refused("unknown field")
            }
            return value.isEmptyCollection ? .known : .refused(message)
        }
    }
}
