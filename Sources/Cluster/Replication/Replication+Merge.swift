internal import MeshPrimitives

extension Replication {
    /// What became of the records of one message.
    struct Admission {
        /// Now current here.
        var fresh: [Record] = []
        /// The part of ``fresh`` that means something to the node.
        var visible: [Record] = []
        /// Conflicts and refused stamps.
        var reports: [Effect] = []
    }

    /// Merges records from a peer and says what to persist, show and report.
    mutating func admit(_ records: [Record], at now: MonotonicInstant) -> Admission {
        var admission = Admission()
        for record in records {
            guard self.isWellFormed(record) else {
                self.counters.malformed += 1
                continue
            }
            self.merge(record, into: &admission, at: now)
        }
        if !admission.fresh.isEmpty { self.noteChange(of: admission.fresh, at: now) }
        return admission
    }

    /// The effects of an admission, in the order they must be carried out.
    func effects(of admission: Admission) -> [Effect] {
        self.publish(admission.fresh, visible: admission.visible) + admission.reports
    }

    /// Persist first, then show.
    func publish(_ fresh: [Record], visible: [Record]) -> [Effect] {
        let durable = fresh.filter(\.key.kind.isDurable)
        return (durable.isEmpty ? [] : [.persist(durable)])
            + (visible.isEmpty ? [] : [.applied(visible)])
    }

    /// Whether a summary names something this store lacks and would take.
    ///
    /// - Parameters:
    ///   - summary: what a peer has; may be hostile.
    ///   - reports: gets a refused stamp.
    ///   - now: this node's steady clock.
    /// - Returns: whether to fetch it.
    mutating func wants(
        _ summary: RecordSummary,
        reports: inout [Effect],
        at now: MonotonicInstant
    ) -> Bool {
        guard summary.key.isValid,
            self.mayWrite(summary.key, summary.version.writer),
            summary.version.writer != self.node || !summary.key.kind.isOwned
        else { return false }
        if let current = self.table[summary.key] {
            let isTie =
                current.record.version == summary.version && summary.key.kind.isDurable
                && current.hash.high != summary.fingerprint
            guard current.record.version < summary.version || isTie else { return false }
        } else if self.isBuried(
            summary.key,
            summary.version,
            isTombstone: summary.isTombstone,
            at: now
        ) {
            return false
        }
        return !self.isRefused(summary.key, summary.version, reports: &reports, at: now)
    }

    /// Puts a forgotten deletion in again when a peer brings back what it deleted.
    mutating func revive(
        _ key: RecordKey,
        against version: RecordVersion,
        at now: MonotonicInstant
    )
        -> Record?
    {
        guard self.table[key] == nil, let buried = self.memory.collected[key], buried >= version
        else { return nil }
        let tombstone = Record(key: key, version: buried, isTombstone: true)
        guard self.table.set(tombstone, since: now) == nil else { return nil }
        self.memory.collected.remove(key)
        return tombstone
    }

    private mutating func merge(
        _ record: Record,
        into admission: inout Admission,
        at now: MonotonicInstant
    ) {
        let key = record.key
        if key.kind.isOwned, record.version.writer == self.node {
            self.noteOwnPast(record, reports: &admission.reports, at: now)
            return
        }
        let current = self.table[key]?.record
        if let current, !record.wins(over: current) {
            self.counters.stale += 1
            self.report(winner: current, loser: record, to: &admission.reports)
            return
        }
        if current == nil,
            self.isBuried(key, record.version, isTombstone: record.isTombstone, at: now)
        {
            self.counters.stale += 1
            if !record.isTombstone,
                let tombstone = self.revive(key, against: record.version, at: now)
            {
                admission.fresh.append(tombstone)
            }
            return
        }
        guard !self.isRefused(key, record.version, reports: &admission.reports, at: now) else {
            self.counters.clockRefused += 1
            return
        }
        self.admit(record, over: current, into: &admission, at: now)
    }

    private mutating func admit(
        _ record: Record,
        over current: Record?,
        into admission: inout Admission,
        at now: MonotonicInstant
    ) {
        guard self.table.set(record, since: now) == nil else {
            self.counters.overLimit += 1
            return
        }
        self.counters.accepted += 1
        admission.fresh.append(record)
        if let current { self.report(winner: record, loser: current, to: &admission.reports) }
        let isNews =
            !record.key.kind.isDurable
            || current.map { !record.hasContent(of: $0) } ?? !record.isTombstone
        if isNews { admission.visible.append(record) }
    }

    private func isWellFormed(_ record: Record) -> Bool {
        record.key.isValid && record.body.count <= self.configuration.bodyByteLimit
            && (!record.isTombstone || record.body.isEmpty)
            && self.mayWrite(record.key, record.version.writer)
    }

    private func mayWrite(_ key: RecordKey, _ writer: NodeID) -> Bool {
        !key.kind.isOwned || key.owner == writer
    }

    /// A record of this node from before its restart: not taken, but later stamps lie above it.
    private mutating func noteOwnPast(
        _ record: Record,
        reports: inout [Effect],
        at now: MonotonicInstant
    ) {
        self.counters.stale += 1
        _ = self.isRefused(record.key, record.version, reports: &reports, at: now)
    }

    /// Whether the record ended or was deleted here before, so that it must not come back.
    private func isBuried(
        _ key: RecordKey,
        _ version: RecordVersion,
        isTombstone: Bool,
        at now: MonotonicInstant
    ) -> Bool {
        guard key.kind.isDurable else {
            return self.memory.ended[key].map { $0 >= version } ?? false
        }
        if let buried = self.memory.collected[key], buried >= version { return true }
        return isTombstone && self.isOverdue(version.stamp, at: now)
    }

    /// Moves the clock above a stamp, or refuses and reports one that lies too far ahead.
    private mutating func isRefused(
        _ key: RecordKey,
        _ version: RecordVersion,
        reports: inout [Effect],
        at now: MonotonicInstant
    ) -> Bool {
        let wall = self.wallMilliseconds(at: now) ?? 0
        do throws(HybridClockError) {
            try self.clock.observe(version.stamp, wallMilliseconds: wall)
            return false
        } catch {
            let write = ReplicationMemory.Write(key: key, version: version)
            if self.memory.refusals[write] == nil {
                self.memory.refusals.insert(true, for: write)
                let ahead = version.stamp.milliseconds &- wall
                reports.append(.clockRefused(key, version, aheadMilliseconds: ahead))
            }
            return true
        }
    }

    private mutating func report(winner: Record, loser: Record, to reports: inout [Effect]) {
        guard winner.key.kind.isDurable, winner.version != loser.version,
            !winner.hasContent(of: loser), winner.isConcurrent(withLoser: loser)
        else { return }
        let write = ReplicationMemory.Write(key: loser.key, version: loser.version)
        guard self.memory.conflicts[write] == nil else { return }
        self.memory.conflicts.insert(true, for: write)
        self.counters.conflicts += 1
        reports.append(.conflict(winner: winner, loser: loser))
    }
}
