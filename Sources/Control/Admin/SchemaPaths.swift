import Foundation
import MeshEntities
import MeshPlugins

/// Kong's `/schemas/…`: what entities, plugins and vaults take, and whether one would be taken.
struct SchemaPaths: Sendable {
    let node: any AdminNode

    var all: [AdminPath] {
        [
            AdminPath(
                "schemas/plugins/validate",
                [
                    Method(name: "POST", summary: "Check a plugin") {
                        self.validate($0, "plugins")
                    }.requiring(.read)
                ]
            ),
            AdminPath(
                "schemas/plugins/:name",
                [
                    Method(name: "GET", summary: "Describe a plugin") {
                        Self.plugin($0.parameters[0])
                    }
                ]
            ),
            AdminPath(
                "schemas/vaults/validate",
                [
                    Method(name: "POST", summary: "Check a vault") {
                        self.validate($0, "vaults")
                    }.requiring(.read)
                ]
            ),
            AdminPath(
                "schemas/vaults/:name",
                [
                    Method(name: "GET", summary: "Describe what a kind of vault is set up by") {
                        Self.vault($0.parameters[0])
                    }
                ]
            ),
            AdminPath(
                "schemas/:entity/validate",
                [
                    Method(name: "POST", summary: "Check an entity") {
                        self.validate($0, $0.parameters[0])
                    }.requiring(.read)
                ]
            ),
            AdminPath(
                "schemas/:entity",
                [
                    Method(name: "GET", summary: "Describe an entity") {
                        Self.entity($0.parameters[0])
                    }
                ]
            ),
        ]
    }

    private typealias Method = AdminPath.Method

    private static func entity(_ name: String) -> AdminAnswer {
        guard let kind = EntityKind(rawValue: name) else { return Self.unknown(name) }
        return .document(.record(["fields": .list(kind.fields.map(\.document))]))
    }

    private static func plugin(_ name: String) -> AdminAnswer {
        guard let own = PluginCatalogue.fields(of: name) else {
            return .message("No plugin named '\(name)'", status: 404)
        }
        let scope = EntityKind.plugins.fields.filter {
            ["consumer", "service", "route", "protocols"].contains($0.name)
        }
        .map { field in
            guard field.name == "protocols" else { return field }
            var field = field
            let protocols = PluginCatalogue.protocols(of: name)
            field.choices = protocols.choices.map(\.rawValue)
            field.standard = .list(protocols.standard.map { .string($0.rawValue) })
            return field
        }
        var config = FieldSchema("config", .record(own))
        config.isRequired = true
        return .document(.record(["fields": .list((scope + [config]).map(\.document))]))
    }

    private static func vault(_ name: String) -> AdminAnswer {
        guard name == Vault.environment else {
            return .message("No vault named '\(name)'", status: 404)
        }
        let config = EntityKind.vaults.fields.filter { $0.name == "config" }
        return .document(.record(["fields": .list(config.map(\.document))]))
    }

    private func validate(_ exchange: AdminExchange, _ name: String) -> AdminAnswer {
        guard let kind = EntityKind(rawValue: name) else { return Self.unknown(name) }
        let editor = EntityEditor(
            catalogue: EntityCatalogue(),
            now: Date().timeIntervalSince1970,
            examine: { self.node.examine(&$0) },
            makeID: { EntityID.random() }
        )
        let input: DocumentNode
        do throws(EntityBody.Refusal) {
            input = try EntityBody.read(exchange, as: kind)
        } catch {
            return error.answer
        }
        do throws(EditRefusal) {
            try editor.validate(kind, input)
            return .message("schema validation successful", status: 200)
        } catch {
            return error.answer
        }
    }

    private static func unknown(_ name: String) -> AdminAnswer {
        .message("No entity named '\(name)'", status: 404)
    }
}
