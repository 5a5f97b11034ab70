public import MeshPrimitives

extension Changelog {
    /// Takes in that the disk has a transaction, which was prepared.
    public mutating func persisted(
        _ token: UInt64,
        _ prepared: PreparedBatch,
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        guard let flight = self.land(token) else { return [] }
        self.uncertain.removeAll { flight.batch.removed.contains($0) }
        if flight.batch.writer == self.writer { self.isWriterSaved = true }
        var effects: [ChangelogEffect] = []
        if self.diskFault != nil {
            self.diskFault = nil
            effects.append(.notice(.savedAgain))
        }
        let settled = Set(flight.batch.settled)
        self.displaced.removeAll { settled.contains($0.entry.hash) }
        for entry in flight.batch.displaced {
            self.displaced.append(Displaced(entry: entry, since: now))
        }
        effects += self.commit(flight, prepared, at: now)
        if self.flight == nil, self.staging.isEmpty { self.staging = Staging(self.log) }
        effects += self.startFlight(at: now)
        effects += self.goOn(at: now)
        return self.hasten(effects, at: now)
    }

    /// The transaction with this token, which is not under way any more.
    private mutating func land(_ token: UInt64) -> Flight? {
        if let flight = self.flight, flight.token == token {
            self.flight = nil
            return flight
        }
        guard let folding = self.folding, folding.token == token else { return nil }
        self.folding = nil
        return folding
    }

    /// Takes in that the disk did not take a transaction: nothing of it has happened.
    ///
    /// Own writes are refused with the reason; what came from peers is fetched again later.
    public mutating func persistFailed(
        _ token: UInt64,
        reason: String,
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        guard let flight = self.land(token) else { return [] }
        var effects: [ChangelogEffect] = []
        if self.diskFault == nil { effects.append(.notice(.notSaved(reason: reason))) }
        self.diskFault = reason
        if case .fold = flight.kind {
            self.foldCheck = 0
            self.foldAfter = now.advanced(by: self.configuration.storageRetry)
            return effects + self.startFlight(at: now) + self.goOn(at: now)
        }
        self.staging = Staging(self.log)
        self.session = nil
        self.fetchAfter = now.advanced(by: self.configuration.storageRetry)
        if case .restore(_, let kept, let ticket) = flight.kind {
            effects.append(.rejected(ticket: ticket, .notSaved(reason: reason)))
            self.uncertain += kept.map(\.id)
        }
        guard case .append(let writes) = flight.kind else { return effects }
        for (ticket, id) in writes {
            effects.append(.rejected(ticket: ticket, .notSaved(reason: reason)))
            // The disk may hold it after all, so its number is never used again.
            if let id { self.uncertain.append(id) }
        }
        if flight.batch.added.contains(where: { $0.id.writer == self.writer }) {
            self.writer = WriterID(of: self.node, using: &self.generator)
            self.isWriterSaved = false
        }
        return effects
    }

    private mutating func commit(
        _ flight: Flight,
        _ prepared: PreparedBatch,
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        switch flight.kind {
        case .append(let writes):
            guard !flight.batch.added.isEmpty || !flight.batch.removed.isEmpty else {
                return self.finish(writes, at: now)
            }
            let held = flight.batch.removed.filter { self.log.entry($0) != nil }
            self.log.replace(Set(held), with: prepared.batch.added, advance: flight.advance)
            self.logChanged()
            return [.changed] + self.notices(about: flight.batch.added)
                + self.finish(writes, at: now)
                + self.passOn(
                    flight.batch.added,
                    isOwn: writes.contains { $0.id != nil },
                    askers: flight.askers
                )
        case .fold:
            guard let folding = flight.batch.folding, let checkpoint = prepared.folded else {
                return []
            }
            self.log.fold(folding.count, into: checkpoint)
            self.foldCheck = 0
            self.checkpointBytes = prepared.batch.checkpoint?.bytes ?? []
            return []
        case .rebase(let checkpoint, let kept):
            return self.rebase(onto: checkpoint, keeping: kept, flight)
        case .restore(let checkpoint, _, let ticket):
            let kept = prepared.batch.added
            let effects = self.rebase(onto: checkpoint, keeping: kept, flight)
            let receipt = ChangelogReceipt(
                changeset: nil,
                head: self.head,
                holders: [self.node]
            )
            return effects + [.acknowledged(ticket: ticket, receipt)]
        }
    }

    private mutating func rebase(
        onto checkpoint: Checkpoint,
        keeping kept: [EncodedChangeset],
        _ flight: Flight
    ) -> [ChangelogEffect] {
        self.log.rebase(onto: checkpoint, keeping: kept)
        self.checkpointBytes = flight.batch.checkpoint?.bytes ?? []
        self.staging = Staging(self.log)
        self.logChanged()
        return [.changed] + self.passOn([], isOwn: false, askers: [])
    }

    /// Tells of what does not stand, or stands against others.
    private func notices(about added: [EncodedChangeset]) -> [ChangelogEffect] {
        added.flatMap { entry -> [ChangelogEffect] in
            switch self.log.outcome(of: entry) {
            case .refused(let reason):
                [.notice(.refused(entry.id, reason: reason))]
            case .applied(let conflicts): conflicts.map { .notice(.conflict($0)) }
            case .repeated, nil: []
            }
        }
    }
}
