internal import MeshEntities

/// Kong's `flattened_errors`: the findings grouped by the entity that they are about.
enum FlattenedErrors {
    static func document(
        _ findings: [Finding],
        _ entries: [DeclarationReader.Entry]
    ) -> DocumentValue {
        let byLocation = Dictionary(
            entries.map { ($0.location, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        var order: [FieldPath] = []
        var grouped: [FieldPath: [Finding]] = [:]
        for finding in findings {
            guard let owner = Self.owner(of: finding.location, byLocation) else { continue }
            if grouped[owner] == nil { order.append(owner) }
            grouped[owner, default: []].append(finding)
        }
        return .list(
            order.compactMap { location in
                byLocation[location].map { Self.entity($0, grouped[location] ?? []) }
            }
        )
    }

    private static func owner(
        of location: FieldPath,
        _ entries: [FieldPath: DeclarationReader.Entry]
    ) -> FieldPath? {
        var steps = location.steps
        while !steps.isEmpty {
            let candidate = FieldPath(steps)
            if entries[candidate] != nil { return candidate }
            steps.removeLast()
        }
        return nil
    }

    private static func entity(
        _ entry: DeclarationReader.Entry,
        _ findings: [Finding]
    ) -> DocumentValue {
        let name = EntityNesting.nameField(of: entry.kind).flatMap { entry.node.value[$0]?.text }
        return .record([
            "entity_type": .string(entry.kind.singular),
            "entity_id": .string(entry.id.description),
            "entity_name": DocumentValue(name),
            "entity_tags": entry.node.value["tags"] ?? .null,
            "entity": Secrets.masked(entry.node.value, at: ""),
            "errors": .list(findings.map { Self.error($0, in: entry.location) }),
        ])
    }

    private static func error(_ finding: Finding, in location: FieldPath) -> DocumentValue {
        let field = FieldPath(Array(finding.location.steps.dropFirst(location.steps.count)))
        if field.description.isEmpty {
            return .record(["type": .string("entity"), "message": .string(finding.message)])
        }
        return .record([
            "type": .string("field"),
            "field": .string(Self.numbered(field)),
            "message": .string(finding.message),
        ])
    }

    /// The field with indexes from 1, as Kong counts.
    private static func numbered(_ field: FieldPath) -> String {
        let steps = field.steps.map { step in
            switch step {
            case .field: step
            case .index(let index): FieldPath.Step.index(index + 1)
            }
        }
        return FieldPath(steps).description
    }
}
