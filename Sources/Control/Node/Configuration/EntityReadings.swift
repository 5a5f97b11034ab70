import MeshActivation
import MeshEntities
import Synchronization

/// Entities that were read for the structural rules of a changeset, so that the compiler, which needs them
/// next, does not read them again.
///
/// Nobody depends on what it holds: an entity that is not here is read by whoever needs it. What the
/// rules say of an entity does not depend on it either.
final class EntityReadings: Sendable {
    /// Most entities that are kept.
    private static let limit = 1_000_000

    /// Of the last changeset or checkpoint, by rising key.
    private let parsed = Mutex(ParsedEntities())

    /// Keeps an entity, if nothing is wrong with it; one that does not come after the last begins anew.
    func add(_ stored: StoredEntity, of kind: EntityKind, _ document: DocumentNode) {
        self.parsed.withLock { parsed in
            let last = parsed.rows.last?.stored.key
            if last.map({ $0 >= stored.key }) ?? false || parsed.rows.count >= Self.limit {
                parsed = ParsedEntities()
            }
            parsed.add(stored, of: kind, document)
            if parsed.rows.count == ReadingMemory.manyEntities { ReadingMemory.begin() }
        }
    }

    /// What is kept, and no longer is.
    func take() -> ParsedEntities {
        self.parsed.withLock { parsed in
            defer { parsed = ParsedEntities() }
            return parsed
        }
    }
}
