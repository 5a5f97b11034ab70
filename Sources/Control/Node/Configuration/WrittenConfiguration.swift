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
        var count = 0
        let parts = EntityKind.allCases.sorted { $0.keyPrefix < $1.keyPrefix }.map { kind in
            let entities = configuration.collection(kind)
            defer { count += entities.count }
            return (kind: kind, prefix: kind.keyPrefix, start: count, entities: entities)
        }
        let (rows, details) = concurrentPairs(count: count) { place in
            // An empty part starts where the next one does.
            let part = parts[(parts.firstIndex { place < $0.start } ?? parts.count) - 1]
            let entity = part.entities[place - part.start]
            let document = entity.document
            let key = "\(part.prefix)\(entity.id)"
            let body = document.canonicalJSON
            return (
                ParsedEntities.Row(StoredEntity(key: key, body: body)),
                PreparedChanges.Detail(
                    key,
                    body,
                    GatewayRules.facts(of: part.kind, document),
                    rules: .gateway
                )
            )
        }
        self.parsed = ParsedEntities(configuration, rows: rows)
        self.details = details
        self.hash = details.reduce(.zero) { $0.adding($1.hash) }
    }
}

extension EntityKind {
    /// What the keys of stored entities of this kind begin with.
    var keyPrefix: String { "\(self.rawValue)/" }
}
