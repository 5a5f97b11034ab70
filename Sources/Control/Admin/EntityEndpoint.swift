import Foundation
import MeshEntities

/// One kind of entity, on its own or below the entities it refers to.
struct EntityEndpoint: Sendable {
    let node: any AdminNode
    let kind: EntityKind
    /// The reference that leads to the entity from above.
    let nesting: ForeignKey?

    private var writer: EntityWriter { EntityWriter(node: self.node) }

    /// What can be done to one entity.
    var methods: [AdminPath.Method] {
        [
            .reading("Read \(self.kind.article)", .entity(self.kind), self.read),
            .writing("PUT", "Create or replace \(self.kind.article)", self.kind, self.replace),
            .writing("PATCH", "Change \(self.kind.article)", self.kind, self.update),
            .deleting("Delete \(self.kind.article)", self.delete),
        ]
    }

    func list(_ exchange: AdminExchange) async -> AdminAnswer {
        let catalogue = await self.node.held().catalogue
        var ids: [EntityID]
        if let nesting {
            guard let parent = self.parent(in: catalogue, exchange) else { return .notFound }
            ids = catalogue.ids(referringBy: nesting, to: parent)
        } else {
            ids = catalogue.ids(of: self.kind)
        }
        if self.kind == .consumers, let custom = exchange.query["custom_id"] {
            ids = ids.filter { id in
                catalogue.row(.consumers, id)?.document["custom_id"]?.text == custom
            }
        }
        do throws(EditRefusal) {
            let page = try EntityPage(
                of: ids,
                self.kind,
                in: catalogue,
                path: exchange.path,
                query: exchange.query
            )
            return .document(page.document)
        } catch {
            return error.answer
        }
    }

    func create(_ exchange: AdminExchange) async -> AdminAnswer {
        await self.writing(exchange) { editor, input throws(EditRefusal) in
            guard let input = self.placed(input, in: editor.catalogue, exchange) else {
                return .answer(.notFound)
            }
            return .edit(try editor.create(self.kind, input), status: 201)
        }
    }

    func read(_ exchange: AdminExchange) async -> AdminAnswer {
        let catalogue = await self.node.held().catalogue
        guard let row = self.row(in: catalogue, exchange) else { return .notFound }
        guard !exchange.isKnown(EntityView.tag(of: row)) else { return .empty(304) }
        return EntityView(catalogue: catalogue).answer(row)
    }

    func replace(_ exchange: AdminExchange) async -> AdminAnswer {
        // As in Kong, a target's PUT changes the one that is there.
        if self.kind == .targets { return await self.update(exchange) }
        return await self.writing(exchange) { editor, input throws(EditRefusal) in
            guard let input = self.placed(input, in: editor.catalogue, exchange) else {
                return .answer(.notFound)
            }
            let key = exchange.parameters.last ?? ""
            let parent = self.parent(in: editor.catalogue, exchange)
            let known = editor.catalogue.id(of: self.kind, named: key, below: parent)
            if let nesting, let known,
                editor.catalogue.row(self.kind, known)?.document.reference(nesting.field) != parent
            {
                return .answer(.notFound)
            }
            let old = known.flatMap { editor.catalogue.row(self.kind, $0) }
            if let refusal = exchange.precondition(old) { return .answer(refusal) }
            if let known {
                let named = EntityID(key) == nil ? self.named(input, key) : input
                return .edit(try editor.replace(self.kind, known, named), status: 200)
            }
            if let id = EntityID(key) {
                return .edit(try editor.replace(self.kind, id, input), status: 200)
            }
            guard self.kind.endpointKey != nil else { return .answer(.notFound) }
            return .edit(try editor.create(self.kind, self.named(input, key)), status: 200)
        }
    }

    func update(_ exchange: AdminExchange) async -> AdminAnswer {
        await self.writing(exchange) { editor, input throws(EditRefusal) in
            guard let row = self.row(in: editor.catalogue, exchange) else {
                return .answer(.notFound)
            }
            if let refusal = exchange.precondition(row) { return .answer(refusal) }
            return .edit(try editor.update(row, input), status: 200)
        }
    }

    func delete(_ exchange: AdminExchange) async -> AdminAnswer {
        await self.writer.write(exchange) { editor throws(EditRefusal) in
            let row = self.row(in: editor.catalogue, exchange)
            if let refusal = exchange.precondition(row) { return .answer(refusal) }
            guard let row else {
                return .answer(
                    self.isGone(from: editor.catalogue, exchange) ? .empty(204) : .notFound
                )
            }
            return .edit(try editor.remove(self.kind, row.id), status: 204)
        }
    }
}

extension EntityEndpoint {
    private func writing(
        _ exchange: AdminExchange,
        _ plan: (EntityEditor, DocumentNode) throws(EditRefusal) -> EntityWriter.Plan
    ) async -> AdminAnswer {
        let input: DocumentNode
        do throws(EntityBody.Refusal) {
            input = try EntityBody.read(exchange, as: self.kind)
        } catch {
            return error.answer
        }
        return await self.writer.write(exchange) { editor throws(EditRefusal) in
            try plan(editor, input)
        }
    }

    private func parent(in catalogue: EntityCatalogue, _ exchange: AdminExchange) -> EntityID? {
        guard let nesting, let key = exchange.parameters.first else { return nil }
        return catalogue.id(of: nesting.parent, named: key)
    }

    /// The entity that the path names, if it stands below the path's parent.
    private func row(in catalogue: EntityCatalogue, _ exchange: AdminExchange) -> EntityRow? {
        guard let key = exchange.parameters.last else { return nil }
        guard let nesting else {
            return catalogue.id(of: self.kind, named: key)
                .flatMap { catalogue.row(self.kind, $0) }
        }
        guard let parent = self.parent(in: catalogue, exchange),
            let id = catalogue.id(of: self.kind, named: key, below: parent),
            let row = catalogue.row(self.kind, id),
            row.document.reference(nesting.field) == parent
        else { return nil }
        return row
    }

    /// Whether the entity that the path names exists nowhere, which is as good as deleted; as in Kong,
    /// a target must have been there.
    private func isGone(from catalogue: EntityCatalogue, _ exchange: AdminExchange) -> Bool {
        guard self.nesting != nil else { return true }
        let key = exchange.parameters.last ?? ""
        guard self.kind != .targets, let parent = self.parent(in: catalogue, exchange) else {
            return false
        }
        return catalogue.id(of: self.kind, named: key, below: parent) == nil
    }

    /// The input with the reference to the path's parent; `nil` when that does not exist.
    private func placed(
        _ input: DocumentNode,
        in catalogue: EntityCatalogue,
        _ exchange: AdminExchange
    ) -> DocumentNode? {
        guard let nesting else { return input }
        guard let parent = self.parent(in: catalogue, exchange) else { return nil }
        var placed = input
        placed.value.set(nesting.field, .record(["id": .string("\(parent)")]))
        return placed
    }

    /// The input with the name that the path gives.
    private func named(_ input: DocumentNode, _ key: String) -> DocumentNode {
        guard let field = self.kind.endpointKey else { return input }
        var named = input
        named.value.set(field, .string(key))
        return named
    }
}

/// What an entity refers to, reached through it, as `/routes/{route}/service`.
struct FollowedEndpoint: Sendable {
    let node: any AdminNode
    let key: ForeignKey

    private var writer: EntityWriter { EntityWriter(node: self.node) }

    func read(_ exchange: AdminExchange) async -> AdminAnswer {
        let catalogue = await self.node.held().catalogue
        guard let row = self.parent(in: catalogue, exchange) else { return .notFound }
        guard !exchange.isKnown(EntityView.tag(of: row)) else { return .empty(304) }
        return EntityView(catalogue: catalogue).answer(row)
    }

    func update(_ exchange: AdminExchange) async -> AdminAnswer {
        await self.writing(exchange) { editor, input throws(EditRefusal) in
            guard let row = self.parent(in: editor.catalogue, exchange) else {
                return .answer(.notFound)
            }
            if let refusal = exchange.precondition(row) { return .answer(refusal) }
            return .edit(try editor.update(row, input), status: 200)
        }
    }

    /// Replaces what is referred to; when nothing is, makes it and refers to it.
    func replace(_ exchange: AdminExchange) async -> AdminAnswer {
        await self.writing(exchange) { editor, input throws(EditRefusal) in
            guard let child = self.child(in: editor.catalogue, exchange) else {
                return .answer(.notFound)
            }
            let row = self.parent(in: editor.catalogue, exchange)
            if let refusal = exchange.precondition(row) { return .answer(refusal) }
            if let row {
                return .edit(try editor.replace(self.key.parent, row.id, input), status: 200)
            }
            let made = try editor.create(self.key.parent, input)
            guard let parent = made.row else { return .answer(.notFound) }
            let reference = DocumentNode(
                .object([
                    DocumentField(self.key.field, .record(["id": .string("\(parent.id)")]))
                ])
            )
            let linked = try editor.assuming(made).update(child, reference)
            return .edit(
                EntityEdit(changes: made.changes + linked.changes, row: parent),
                status: 200
            )
        }
    }

    /// As in Kong, what is referred to cannot be deleted through what refers to it.
    func refuse(_ exchange: AdminExchange) async -> AdminAnswer {
        let catalogue = await self.node.held().catalogue
        return self.parent(in: catalogue, exchange) == nil ? .notFound : .methodNotAllowed
    }

    private func child(in catalogue: EntityCatalogue, _ exchange: AdminExchange) -> EntityRow? {
        exchange.parameters.first
            .flatMap { catalogue.id(of: self.key.child, named: $0) }
            .flatMap { catalogue.row(self.key.child, $0) }
    }

    private func parent(in catalogue: EntityCatalogue, _ exchange: AdminExchange) -> EntityRow? {
        self.child(in: catalogue, exchange)?.document.reference(self.key.field)
            .flatMap { catalogue.row(self.key.parent, $0) }
    }

    private func writing(
        _ exchange: AdminExchange,
        _ plan: (EntityEditor, DocumentNode) throws(EditRefusal) -> EntityWriter.Plan
    ) async -> AdminAnswer {
        let input: DocumentNode
        do throws(EntityBody.Refusal) {
            input = try EntityBody.read(exchange, as: self.key.parent)
        } catch {
            return error.answer
        }
        return await self.writer.write(exchange) { editor throws(EditRefusal) in
            try plan(editor, input)
        }
    }
}
