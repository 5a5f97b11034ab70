internal import HashTreeCollections
public import MeshPrimitives

extension Changelog {
    /// Bytes of own writes in one transaction.
    private static let flightByteLimit = 4 << 20
    /// Own writes in one transaction.
    private static let flightWriteLimit = 1_024

    /// Takes in a write of this node; how it ends is told by an effect with its ticket.
    ///
    /// Writes are done in order and several together when the disk is slower than they come.
    ///
    /// - Throws: ``ChangelogError`` for what cannot become a changeset; nothing has changed then.
    public mutating func write(
        _ draft: ChangelogDraft,
        ticket: UInt64,
        at now: MonotonicInstant
    ) throws(ChangelogError) -> [ChangelogEffect] {
        guard self.drafts.count < self.configuration.writeLimit else {
            throw .busy(limit: self.configuration.writeLimit)
        }
        let byteCount = try draft.checkedByteCount()
        guard byteCount <= self.configuration.changesetByteLimit else {
            throw .tooLarge(found: byteCount, limit: self.configuration.changesetByteLimit)
        }
        self.drafts.append((ticket, draft, byteCount))
        let effects = self.startFlight(at: now)
        return self.hasten(effects, at: now)
    }

    /// Gives the disk what waits for it, unless it is busy.
    mutating func startFlight(at now: MonotonicInstant) -> [ChangelogEffect] {
        guard self.flight == nil else { return [] }
        if let adoption = self.adoption {
            guard self.folding == nil else { return [] }
            self.adoption = nil
            let rebase = self.startRebase(onto: adoption)
            guard rebase.isEmpty else { return rebase }
        }
        self.dropOutdatedStaging()
        let fold = self.startFold(at: now)
        var batch = ChangelogBatch()
        if self.isStagingFit {
            let (added, removed) = self.staging.take()
            batch.added = added
            batch.removed = removed.map(\.id)
            batch.displaced = removed
        }
        var effects = fold + self.writeAgain(into: &batch, at: now)
        var advance = batch.isEmpty ? ReplayLog.Advance(of: self.log) : nil
        let writes = self.encodeDrafts(into: &batch, &effects, &advance)
        guard !batch.isEmpty else {
            effects += self.finish(writes, at: now)
            return effects
        }
        return effects + [self.launch(.append(writes: writes), batch, advance)]
    }

    mutating func launch(
        _ kind: Flight.Kind,
        _ batch: ChangelogBatch,
        _ advance: ReplayLog.Advance? = nil
    ) -> ChangelogEffect {
        var batch = batch
        if !self.isWriterSaved { batch.writer = self.writer }
        batch.removed += self.uncertain
        batch.isFirst = self.log.state.isFree
        let flight = Flight(
            token: self.takeToken(),
            kind: kind,
            batch: batch,
            askers: self.askers,
            advance: advance
        )
        self.askers = []
        self.flight = flight
        return .persist(batch, token: flight.token)
    }

    mutating func takeToken() -> UInt64 {
        defer { self.nextToken += 1 }
        return self.nextToken
    }

    private mutating func encodeDrafts(
        into batch: inout ChangelogBatch,
        _ effects: inout [ChangelogEffect],
        _ advance: inout ReplayLog.Advance?
    ) -> [(ticket: UInt64, id: ChangesetID?)] {
        var state = self.log.state
        var writes: [(ticket: UInt64, id: ChangesetID?)] = []
        var byteCount = 0
        while let (ticket, draft, size) = self.drafts.first, writes.count < Self.flightWriteLimit,
            byteCount < Self.flightByteLimit
        {
            self.drafts.removeFirst()
            byteCount += size
            do throws(ChangelogError) {
                let made = try self.encode(draft, upon: &state)
                if let (entry, outcome) = made {
                    batch.added.append(entry)
                    advance?.steps.append((entry.hash, outcome, state))
                }
                writes.append((ticket, made?.entry.id))
            } catch {
                effects.append(.rejected(ticket: ticket, error))
            }
        }
        return writes
    }

    /// Makes a changeset of a draft; `nil` when it changes nothing.
    private mutating func encode(
        _ draft: ChangelogDraft,
        upon state: inout ConfigurationState
    ) throws(ChangelogError) -> (entry: EncodedChangeset, outcome: ChangesetOutcome)? {
        let head = ChangelogHead(generation: self.staging.generation, hash: state.hash)
        if let error = draft.staleness(at: head, of: state) { throw error }
        let changes = draft.changes(of: state)
        guard !changes.isEmpty else { return nil }
        let entry = try self.encoded(
            author: draft.author,
            message: draft.message,
            wallMilliseconds: draft.wallMilliseconds,
            changes: changes
        ).prepared(with: draft.prepared)
        guard entry.byteCount <= self.configuration.changesetByteLimit else {
            throw .tooLarge(
                found: entry.byteCount,
                limit: self.configuration.changesetByteLimit
            )
        }
        let outcome = state.apply(entry, rules: self.rules)
        if case .refused(let reason) = outcome { throw .refused(reason: reason) }
        self.staging.note(entry)
        return (entry, outcome)
    }

    private func encoded(
        author: String,
        message: String,
        wallMilliseconds: UInt64,
        origin: ContentHash? = nil,
        changes: [Changeset.Change]
    ) throws(ChangelogError) -> EncodedChangeset {
        let last = self.staging.vector[self.writer]
        let generation = max(self.staging.generation, self.log.generation)
        guard generation < .max, (last?.sequence ?? 0) < .max else { throw .exhausted }
        let changeset = Changeset(
            id: ChangesetID(writer: self.writer, sequence: (last?.sequence ?? 0) + 1),
            previous: last?.head ?? .zero,
            generation: generation + 1,
            node: self.node,
            wallMilliseconds: wallMilliseconds,
            author: author,
            message: message,
            origin: origin,
            changes: changes
        )
        return EncodedChangeset(changeset, keys: self.keys, hash: self.rules.hash)
    }

    /// Writes displaced changesets again, those of this node at once, others' when nobody else has.
    private mutating func writeAgain(
        into batch: inout ChangelogBatch,
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        guard now >= self.fetchAfter ?? now, self.rules.flaw != .dropsDisplaced else { return [] }
        var effects: [ChangelogEffect] = []
        var waiting: [Displaced] = []
        for var item in self.displaced {
            let origin = item.entry.stamp
            let since = item.since ?? now
            item.since = since
            let isOwn = item.entry.changeset.node == self.node
            if self.log.state.includes(origin: origin) {
                batch.settled.append(item.entry.hash)
                continue
            }
            guard isOwn || now >= since.advanced(by: self.configuration.displacedGrace),
                let entry = try? self.encoded(
                    author: item.entry.changeset.author,
                    message: item.entry.changeset.message,
                    wallMilliseconds: item.entry.changeset.wallMilliseconds,
                    origin: origin,
                    changes: item.entry.changeset.changes
                )
            else {
                waiting.append(item)
                continue
            }
            self.staging.note(entry)
            batch.added.append(entry)
            batch.settled.append(item.entry.hash)
            effects.append(.notice(.cameLate(item.entry.id)))
        }
        // What the batch settles stays until the disk has it.
        let settled = Set(batch.settled)
        self.displaced = waiting + self.displaced.filter { settled.contains($0.entry.hash) }
        return effects
    }
}
