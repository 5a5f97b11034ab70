internal import HashTreeCollections
internal import MeshPrimitives

/// What replay needs to know of the contents of a changeset or draft, worked out ahead.
///
/// It depends on key and content alone, so whoever has time for it works it out: replaying a changeset
/// of 10,000 entities takes a tenth of the time then.
public struct PreparedChanges: Equatable, Sendable {
    struct Detail: Equatable, Sendable {
        let facts: EntityFacts
        let hash: ContentHash

        init(_ key: String, _ body: [UInt8], _ rules: StructuralRules) {
            self.facts = rules.facts(key, body)
            self.hash = ConfigurationState.hash(of: key, body, rules: rules)
        }
    }

    private let details: [String: Detail]

    /// Of a draft's or changeset's contents by key; deletions need nothing.
    init(_ bodies: some Sequence<(key: String, body: [UInt8]?)>, rules: StructuralRules) {
        var details: [String: Detail] = [:]
        for (key, body) in bodies { details[key] = body.map { Detail(key, $0, rules) } }
        self.details = details
    }

    subscript(key: String) -> Detail? { self.details[key] }
}

extension ChangelogDraft {
    /// Works out ahead what replay needs; for whoever hands the draft to a log that must not be held
    /// up.
    public mutating func prepare(rules: StructuralRules) {
        self.prepared = PreparedChanges(
            self.changes.lazy.map { (key: $0.key, body: $0.value) },
            rules: rules
        )
    }
}

extension EncodedChangeset {
    /// The same with what replay needs worked out.
    func prepared(by rules: StructuralRules) -> EncodedChangeset {
        guard self.prepared == nil else { return self }
        var copy = self
        copy.prepared = PreparedChanges(
            self.changeset.changes.lazy.map { (key: $0.key, body: $0.body) },
            rules: rules
        )
        return copy
    }
}

/// A transaction as the disk gets it, with what its answer brings back to the log.
public struct PreparedBatch: Sendable {
    /// What is to be stored.
    public let batch: ChangelogBatch
    let folded: Checkpoint?
}

extension ChangelogBatch {
    /// Works out, off the log's own thread, what takes long: a checkpoint's bytes, and what replay has
    /// to know of the entities that the changesets write.
    ///
    /// Costs O(entities) for a checkpoint, else O(changes).
    public func prepared(by rules: StructuralRules) -> PreparedBatch {
        var batch = self
        batch.added = self.added.map { $0.prepared(by: rules) }
        guard let folding = self.folding else {
            return PreparedBatch(batch: batch, folded: nil)
        }
        let (checkpoint, bytes) = folding.checkpoint(by: rules)
        batch.checkpoint = StoredCheckpoint(
            bytes: bytes,
            conflicts: Conflict.encoded(checkpoint.conflicts)
        )
        return PreparedBatch(batch: batch, folded: checkpoint)
    }
}
