import MeshEntities
import MeshReports

/// Kong's `flattened_errors`: findings grouped by the entity they concern.
///
/// Entities are told by type only; their `entity` bodies are left out, since they may hold secrets.
enum FlattenedErrors {
    static func document(_ findings: [FindingReport]) -> DocumentValue {
        var order: [String] = []
        var grouped: [String: [DocumentValue]] = [:]
        for finding in findings {
            let (entity, field) = Self.split(finding.path)
            if grouped[entity] == nil { order.append(entity) }
            grouped[entity, default: []].append(Self.error(field: field, finding.message))
        }
        return .list(
            order.map { entity in
                .record([
                    "entity_type": .string(Self.type(of: entity)),
                    "errors": .list(grouped[entity] ?? []),
                ])
            }
        )
    }

    private static func error(field: String, _ message: String) -> DocumentValue {
        field.isEmpty
            ? .record(["type": .string("entity"), "message": .string(message)])
            : .record([
                "type": .string("field"), "field": .string(field), "message": .string(message),
            ])
    }

    /// `services[0].routes[1].paths[0]` to the innermost entity and the field within it.
    private static func split(_ path: String) -> (entity: String, field: String) {
        var entity: [Substring] = []
        var field: [Substring] = []
        for part in path.split(separator: ".") {
            let name = part.prefix { $0 != "[" }
            let isEntity =
                field.isEmpty && name.count < part.count
                && EntityKind(rawValue: String(name)) != nil
            if isEntity { entity.append(part) } else { field.append(part) }
        }
        let within = field.filter { $0 != "@entity" }
        return (entity.joined(separator: "."), within.joined(separator: "."))
    }

    private static func type(of entity: String) -> String {
        let last = entity.split(separator: ".").last ?? ""
        return EntityKind(rawValue: String(last.prefix { $0 != "[" }))?.singular ?? ""
    }
}
