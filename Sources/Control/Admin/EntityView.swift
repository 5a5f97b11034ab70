import MeshEntities
import MeshPlugins

/// How entities are shown: as Kong shows them, secrets masked.
struct EntityView {
    let catalogue: EntityCatalogue

    /// The entity as it is printed.
    ///
    /// A certificate shows the server names it is used for, a plugin the defaults of its settings.
    func document(_ row: EntityRow) -> DocumentValue {
        var shown = row.shown
        switch row.kind {
        case .certificates:
            shown.set("snis", .list(self.serverNames(of: row.id).map { .string($0) }))
        case .plugins:
            shown.set("config", Self.completed(shown["config"], of: shown["name"]?.text ?? ""))
        case .services, .routes, .upstreams, .targets, .consumers, .snis, .caCertificates,
            .consumerGroups, .groupMembers, .keyCredentials, .basicCredentials, .jwtSecrets,
            .hmacCredentials, .certificateCredentials, .aclGroups, .vaults, .keySets, .keys:
            break
        }
        return shown
    }

    /// The answer with one entity and the name of its state.
    func answer(_ row: EntityRow, status: Int = 200) -> AdminAnswer {
        var answer = AdminAnswer.document(self.document(row), status: status)
        answer.headers.append(("ETag", Self.tag(of: row)))
        return answer
    }

    /// The entity's strong validator (RFC 9110, section 8.8.3).
    static func tag(of row: EntityRow) -> String { "\"\(row.fingerprint)\"" }

    private func serverNames(of certificate: EntityID) -> [String] {
        EntityKind.snis.foreignKeys.flatMap { key in
            self.catalogue.ids(referringBy: key, to: certificate)
        }.compactMap { self.catalogue.row(.snis, $0)?.document["name"]?.text }.sorted()
    }

    private static func completed(_ config: DocumentValue?, of plugin: String) -> DocumentValue {
        var config = config?.fields == nil ? .object([]) : config ?? .object([])
        for field in PluginCatalogue.fields(of: plugin) ?? []
        where config[field.name]?.isNull ?? true {
            config.set(field.name, field.standard ?? .null)
        }
        return Secrets.masked(config, at: "config")
    }
}
