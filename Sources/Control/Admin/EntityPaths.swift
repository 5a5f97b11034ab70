import Foundation
import MeshEntities

/// The paths of Kong's entities: one table of collections and references, no code per entity.
struct EntityPaths: Sendable {
    /// A collection that can also be read below an entity it refers to.
    fileprivate struct Nesting {
        let parent: EntityKind
        let child: EntityKind
        /// The child's foreign key.
        let field: String
    }

    /// Kinds with a path of their own; targets are read below their upstream only.
    private static let collections: [EntityKind] = [
        .services, .routes, .upstreams, .plugins, .consumers, .certificates, .snis, .caCertificates,
    ]

    private static let nestings = [
        Nesting(parent: .services, child: .routes, field: "service"),
        Nesting(parent: .services, child: .plugins, field: "service"),
        Nesting(parent: .routes, child: .plugins, field: "route"),
        Nesting(parent: .consumers, child: .plugins, field: "consumer"),
        Nesting(parent: .upstreams, child: .targets, field: "upstream"),
        Nesting(parent: .certificates, child: .services, field: "client_certificate"),
        Nesting(parent: .certificates, child: .snis, field: "certificate"),
    ]

    /// Foreign keys that can be followed: child, last segment and field, parent.
    private static let references: [(child: EntityKind, field: String, parent: EntityKind)] = [
        (.routes, "service", .services),
        (.plugins, "service", .services),
        (.plugins, "route", .routes),
        (.plugins, "consumer", .consumers),
    ]

    let node: any AdminNode

    /// All paths; those that come first win.
    var all: [AdminPath] {
        Self.collections.flatMap(self.collection) + Self.nestings.flatMap(self.nested)
            + Self.references.map(self.reference)
    }

    /// The reads of targets that the status listener offers too.
    var targets: [AdminPath] {
        Self.nestings.filter { $0.child == .targets }.flatMap(self.nested).map { path in
            AdminPath.reading(path.pattern.joined(separator: "/")) { exchange in
                await path.operation(for: "GET")?(exchange) ?? .notFound
            }
        }
    }

    private func collection(_ kind: EntityKind) -> [AdminPath] {
        let one = AdminPath.reading(
            "\(kind.rawValue)/:",
            writes: Self.writes(Self.entityVerbs, kind)
        ) { exchange in
            let table = EntityTable(await self.node.entities())
            return Self.one(table.row(of: kind, named: exchange.parameters[0]))
        }
        let list = AdminPath.reading(
            kind.rawValue,
            writes: Self.writes(["POST": "create"], kind)
        ) { exchange in
            await self.list(kind, exchange)
        }
        return [list, one]
    }

    private func list(_ kind: EntityKind, _ exchange: AdminExchange) async -> AdminAnswer {
        var rows = EntityTable(await self.node.entities()).rows(of: kind)
        if kind == .consumers, let custom = exchange.query["custom_id"] {
            rows = rows.filter { $0.document["custom_id"]?.text == custom }
        }
        return Self.page(rows, path: "/\(kind.rawValue)", exchange)
    }

    private func nested(_ nesting: Nesting) -> [AdminPath] {
        let child = nesting.child
        let prefix = "\(nesting.parent.rawValue)/:/\(child.rawValue)"
        let list: AdminPath.Operation = { exchange in
            let table = EntityTable(await self.node.entities())
            guard let parent = table.row(of: nesting.parent, named: exchange.parameters[0]) else {
                return .notFound
            }
            let rows = table.rows(of: child, belongingTo: nesting.reference(to: parent))
            let path =
                "/\(nesting.parent.rawValue)/\(exchange.parameters[0])/\(child.rawValue)"
            return Self.page(rows, path: path, exchange)
        }
        let one: AdminPath.Operation = { exchange in
            let table = EntityTable(await self.node.entities())
            guard let parent = table.row(of: nesting.parent, named: exchange.parameters[0]) else {
                return .notFound
            }
            return Self.one(
                table.row(
                    of: child,
                    named: exchange.parameters[1],
                    belongingTo: nesting.reference(to: parent)
                )
            )
        }
        let all = child == .targets ? [AdminPath.reading("\(prefix)/all", list)] : []
        return all + [
            .reading(prefix, writes: Self.writes(["POST": "create"], child), list),
            .reading("\(prefix)/:", writes: Self.writes(Self.entityVerbs, child), one),
        ]
    }

    private func reference(
        _ reference: (child: EntityKind, field: String, parent: EntityKind)
    ) -> AdminPath {
        .reading("\(reference.child.rawValue)/:/\(reference.field)") { exchange in
            let table = EntityTable(await self.node.entities())
            guard
                let child = table.row(of: reference.child, named: exchange.parameters[0]),
                let id = child.reference(reference.field)
            else { return .notFound }
            return Self.one(table.row(of: reference.parent, named: id))
        }
    }

    private static let entityVerbs: KeyValuePairs = [
        "PUT": "create or update", "PATCH": "update", "DELETE": "remove",
    ]

    /// Writes of single entities, refused as Kong without a database refuses them.
    private static func writes(
        _ verbs: KeyValuePairs<String, String>,
        _ kind: EntityKind
    ) -> [AdminPath.Method] {
        verbs.map { method, verb in
            AdminPath.Method(name: method) { exchange in
                SubmittedBody.problem(of: exchange) ?? KongError.unsupported(verb, kind).answer
            }
        }
    }

    private static func page(
        _ rows: [EntityRow],
        path: String,
        _ exchange: AdminExchange
    ) -> AdminAnswer {
        do throws(KongError) {
            return .document(
                try EntityPage(of: rows, path: path, query: exchange.query).document
            )
        } catch {
            return error.answer
        }
    }

    private static func one(_ row: EntityRow?) -> AdminAnswer {
        row.map { .document(EntityTable.printed($0)) } ?? .notFound
    }
}

extension EntityPaths.Nesting {
    fileprivate func reference(to parent: EntityRow) -> EntityTable.Parent {
        EntityTable.Parent(field: self.field, id: parent.id)
    }
}
