public import MeshPrimitives

extension Changelog {
    /// All that this log holds durably, as a store holds it, without the store's own name.
    public var stored: StoredChangelog {
        var stored = StoredChangelog()
        if !self.checkpointBytes.isEmpty {
            stored.checkpoint = StoredCheckpoint(
                bytes: self.checkpointBytes,
                conflicts: Conflict.encoded(self.log.checkpoint.conflicts)
            )
        }
        stored.changesets = self.log.entries.map(\.bytes)
        stored.displaced = self.displaced.map(\.entry.bytes)
        return stored
    }

    /// Takes over what another store held, changesets and checkpoint as they were written.
    ///
    /// Only a log that holds nothing does: what one holds already would be mixed with it. The store
    /// keeps its own name, so that what it writes later meets nothing of the past.
    ///
    /// - Throws: ``ChangelogError/occupied(held:)``, ``ChangelogError/busy(limit:)`` while the disk
    ///   works, or ``ChangelogError/malformed(reason:)``; nothing has changed then.
    public mutating func restore(
        _ stored: StoredChangelog,
        ticket: UInt64,
        at now: MonotonicInstant
    ) throws(ChangelogError) -> [ChangelogEffect] {
        guard self.log.vector.isEmpty, self.staging.isEmpty, self.drafts.isEmpty else {
            throw .occupied(held: self.head)
        }
        guard self.flight == nil, self.adoption == nil else {
            throw .busy(limit: self.configuration.writeLimit)
        }
        // Read by the rules of a start; every changeset must have its place.
        let other = try Changelog(
            node: self.node,
            region: self.region,
            stored: stored,
            rules: self.rules,
            configuration: self.configuration,
            seed: 1
        )
        guard other.log.entries.count == stored.changesets.count else {
            throw .malformed(reason: "changesets are missing or damaged")
        }
        guard !other.log.vector.isEmpty else { throw .malformed(reason: "it holds nothing") }
        var batch = ChangelogBatch()
        batch.checkpoint = stored.checkpoint
        batch.added = other.log.entries
        batch.displaced = other.displaced.map(\.entry)
        let kind = Flight.Kind.restore(
            other.log.checkpoint,
            kept: other.log.entries,
            ticket: ticket
        )
        return [self.launch(kind, batch)]
    }
}
