internal import HashTreeCollections
internal import MeshPrimitives

extension Changelog {
    /// Changesets folded at once at the latest, whatever the checkpoint's size.
    private static let foldLimit = 10_000

    /// Folds what is old enough and held by everybody, when that is worth its cost.
    ///
    /// What is written meanwhile lies behind what is folded, so that it waits for the transaction
    /// alone.
    mutating func startFold(at now: MonotonicInstant) -> [ChangelogEffect] {
        guard self.folding == nil, self.staging.removed.isEmpty, now >= self.foldAfter ?? now
        else { return [] }
        let entries = self.log.entries.count
        guard entries >= self.foldCheck else { return [] }
        let step = max(1, self.configuration.foldCount)
        self.foldCheck = entries + max(1, step / 8)
        let count = self.foldableCount
        guard count >= step else { return [] }
        let byteCount = self.log.entries.prefix(count).reduce(0) { $0 + $1.byteCount }
        guard byteCount >= self.checkpointBytes.count / 4 || count >= Self.foldLimit else {
            return []
        }
        var batch = ChangelogBatch()
        batch.folding = self.log.folding(of: count)
        batch.removed = self.log.entries.prefix(count).map(\.id)
        let flight = Flight(token: self.takeToken(), kind: .fold, batch: batch, askers: [])
        self.folding = flight
        return [.persist(batch, token: flight.token)]
    }

    /// Drops what came from peers when some of it has no place any more; it is fetched again.
    mutating func dropOutdatedStaging() {
        guard let lowest = self.staging.lowest, lowest < self.log.checkpoint.horizon else { return }
        self.staging = Staging(self.log)
    }

    /// Whether what came from peers can be saved now: entries that are being folded stay as they are.
    var isStagingFit: Bool {
        guard let horizon = self.folding?.batch.folding?.horizon else { return true }
        return self.staging.lowest.map { $0 > horizon } ?? true
    }

    /// How many of the oldest may be folded: what every peer is known to hold.
    ///
    /// A peer counts from a moment when it held nothing that was unknown here; what it has written
    /// since then has a higher generation, so nothing can come that belongs before.
    private var foldableCount: Int {
        let most = self.log.entries.count - self.configuration.historyCount
        guard most > 0 else { return 0 }
        let lowestWaiting = self.staging.lowest
        let allowed = self.log.entries.prefix(most).prefix { entry in
            lowestWaiting.map { entry.changeset.position < $0 } ?? true
        }
        guard self.peers.count > 0 else { return allowed.count }
        let numbers = self.peers.ids.map { self.covered[$0] ?? -1 }
        guard let lowest = numbers.min(), let vector = self.past[lowest] else { return 0 }
        return allowed.prefix { vector.covers($0.id) }.count
    }

    /// Whether this node has to go on from a peer's checkpoint.
    ///
    /// Only from one that outranks its own, and only when it lacks some of what is folded there, or
    /// holds something that has no place beside it.
    func mustAdopt(_ summary: ChangelogSummary) -> Bool {
        let own = self.log.checkpoint
        guard summary.checkpoint != .zero, summary.checkpoint != own.hash,
            !own.outranks(summary.horizon, summary.checkpoint), !self.isTooFar(summary.horizon)
        else { return false }
        guard self.log.vector.covers(summary.floor), summary.floor.covers(own.vector) else {
            return true
        }
        return self.log.entries.contains { entry in
            entry.changeset.position <= summary.horizon && !summary.floor.covers(entry.id)
        }
    }

    /// Whether a checkpoint lies so far ahead that no honest node can have made it.
    ///
    /// Who holds nothing has nothing to compare it with.
    func isTooFar(_ horizon: ChangesetPosition) -> Bool {
        let held = max(self.staging.generation, self.log.generation)
        return horizon.generation > held && !self.log.vector.isEmpty
            && self.rules.flaw != .takesAnyGeneration
            && horizon.generation - held > self.configuration.generationLead
    }

    /// Goes on from a peer's checkpoint: keeps what has a place after it, and sets aside, to be
    /// written again, what has none.
    mutating func startRebase(onto adoption: Adoption) -> [ChangelogEffect] {
        var checkpoint = adoption.checkpoint
        guard !self.log.checkpoint.outranks(checkpoint.horizon, checkpoint.hash) else { return [] }
        self.staging = Staging(self.log)
        var vector = checkpoint.vector
        var kept: [EncodedChangeset] = []
        var displaced = self.unfolded(by: checkpoint)
        for entry in self.log.entries {
            if checkpoint.vector.covers(entry.id), self.isSame(entry, in: checkpoint) { continue }
            let last = vector[entry.id.writer]
            guard entry.changeset.position > checkpoint.horizon,
                entry.id.sequence == (last?.sequence ?? 0) + 1,
                entry.changeset.previous == last?.head ?? .zero
            else {
                displaced.append(entry)
                continue
            }
            kept.append(entry)
            vector[entry.id.writer] = VersionVector.Entry(
                sequence: entry.id.sequence,
                head: entry.hash
            )
        }
        var effects: [ChangelogEffect] = []
        let own = checkpoint.vector.sequence(of: self.writer)
        if displaced.contains(where: { $0.id.writer == self.writer })
            || own > self.log.vector.sequence(of: self.writer)
        {
            effects += self.replaceWriter()
        }
        var batch = ChangelogBatch()
        let stays = Set(kept.map(\.id))
        batch.removed = self.log.entries.map(\.id).filter { !stays.contains($0) }
        batch.displaced = displaced
        checkpoint.conflicts = self.conflicts(without: stays)
        batch.checkpoint = StoredCheckpoint(
            bytes: adoption.bytes,
            conflicts: Conflict.encoded(checkpoint.conflicts)
        )
        return effects + [self.launch(.rebase(checkpoint, kept: kept), batch)]
    }

    /// The newest conflicts, but for those of changesets that stay in the log.
    private func conflicts(without stays: Set<ChangesetID>) -> [Conflict] {
        var conflicts = self.log.checkpoint.conflicts
        for (entry, outcome) in zip(self.log.entries, self.log.outcomes)
        where !stays.contains(entry.id) {
            if case .applied(let more) = outcome { conflicts += more }
        }
        return conflicts.suffix(Checkpoint.conflictLimit)
    }

    /// Whether the folded changeset of this name can be the one held here.
    private func isSame(_ entry: EncodedChangeset, in checkpoint: Checkpoint) -> Bool {
        guard let floor = checkpoint.vector[entry.id.writer] else { return false }
        let newest = ChangesetID(writer: entry.id.writer, sequence: floor.sequence)
        guard let held = self.log.hash(of: newest) else { return true }
        return held == floor.head
    }

    /// What this node has folded and `checkpoint` has not, as changesets to write again.
    private func unfolded(by checkpoint: Checkpoint) -> [EncodedChangeset] {
        let own = self.log.checkpoint
        guard !checkpoint.vector.covers(own.vector) else { return [] }
        var lost: [ContentHash: (id: ChangesetID, changes: [Changeset.Change])] = [:]
        for (key, entity) in own.state.entities where !checkpoint.vector.covers(entity.changeset) {
            // What the other side deleted meanwhile must not come back by itself.
            let change = Changeset.Change(
                key: key,
                replaces: checkpoint.state.removals[key] == nil ? nil : .zero,
                body: entity.body
            )
            lost[entity.stamp, default: (entity.changeset, [])].changes.append(change)
        }
        for (key, removal) in own.state.removals where !checkpoint.vector.covers(removal.changeset)
        {
            guard let entity = checkpoint.state.entities[key] else { continue }
            let wasSeen = own.vector.covers(entity.changeset)
            let change = Changeset.Change(
                key: key,
                replaces: wasSeen ? entity.stamp : .zero,
                body: nil
            )
            lost[removal.stamp, default: (removal.changeset, [])].changes.append(change)
        }
        return lost.sorted { $0.value.id < $1.value.id }.map { stamp, value in
            let changeset = Changeset(
                id: value.id,
                previous: .zero,
                generation: 1,
                node: self.node,
                wallMilliseconds: 0,
                author: "",
                message: "from a checkpoint",
                origin: stamp,
                changes: value.changes.sorted { $0.key < $1.key }
            )
            return EncodedChangeset(changeset, hash: self.rules.hash)
        }
    }
}
