import MeshActivation
import MeshChangelog
import MeshDeclarative
import MeshEntities
import MeshPrimitives

/// A configuration written out as it is stored, with everything that others would work out again.
struct WrittenConfiguration: Sendable {
    /// What reading it back would give.
    let parsed: ParsedEntities
    /// What replay has to know of every entity, by rising key.
    let details: [PreparedChanges.Detail]
    /// What names the state that holds exactly this.
    let hash: ContentHash

    /// Writes on all processors.
    init(_ configuration: GatewayConfiguration) {
        let configuration = configuration.sorted()
        var rows: [ParsedEntities.Row] = []
        var details: [PreparedChanges.Detail] = []
        let kinds = EntityKind.allCases.sorted { $0.keyPrefix < $1.keyPrefix }
            .map { ($0, configuration.collection($0)) }
        let count = kinds.reduce(0) { $0 + $1.1.count }
        rows.reserveCapacity(count)
        details.reserveCapacity(count)
        for (kind, collection) in kinds {
            let prefix = kind.keyPrefix
            let written = collection.concurrentMap { entity in
                let document = entity.document
                let key = "\(prefix)\(entity.id)"
                let body = document.canonicalJSON
                return (
                    row: ParsedEntities.Row(StoredEntity(key: key, body: body)),
                    detail: PreparedChanges.Detail(
                        key,
                        body,
                        GatewayRules.facts(of: kind, document),
                        rules: .gateway
                    )
                )
            }
            for part in written {
                rows.append(part.row)
                details.append(part.detail)
            }
        }
        self.parsed = ParsedEntities(configuration, rows: rows)
        self.details = details
        self.hash = self.details.reduce(.zero) { $0.adding($1.hash) }
    }
}

extension EntityKind {
    /// What the keys of stored entities of this kind begin with.
    var keyPrefix: String { "\(self.rawValue)/" }
}
