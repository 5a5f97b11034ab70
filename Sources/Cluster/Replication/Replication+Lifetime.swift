internal import MeshPrimitives

extension Replication {
    /// How long after being put in again a forgotten deletion stays, and how often deletions are
    /// looked through: long enough to reach every peer, short against ``tombstoneAge``.
    private static let collectionPeriod: Duration = .seconds(600)
    /// Ephemeral records that end within this time end together.
    private static let expiryGrain: Duration = .milliseconds(250)

    /// The earliest moment at which something is due.
    func nextDeadline(after now: MonotonicInstant) -> MonotonicInstant? {
        var candidates = [self.nextExpiry, self.nextCollection].compactMap(\.self)
        if !self.peers.isEmpty, let tick = self.nextTick { candidates.append(tick) }
        for peer in self.busy {
            guard let sync = self.syncs[peer] else { continue }
            if sync.step != .idle {
                candidates.append(sync.deadline)
                let patience = sync.since.advanced(by: self.configuration.sessionInterval)
                if patience > now { candidates.append(patience) }
            } else if sync.earliest > now {
                candidates.append(sync.earliest)
            }
        }
        return candidates.min()
    }

    /// Makes sure that an ephemeral record ends.
    mutating func noteLifetime(of record: Record, at now: MonotonicInstant) {
        guard let lifetime = self.configuration.lifetime(of: record.key.kind) else { return }
        let end = now.advanced(by: lifetime)
        self.nextExpiry = min(self.nextExpiry ?? end, end)
    }

    /// Takes out ephemeral records that were not renewed.
    mutating func expire(at now: MonotonicInstant) -> [Effect] {
        guard let due = self.nextExpiry, due <= now else { return [] }
        var ended: [Record] = []
        var next: MonotonicInstant?
        for kind in self.table.kinds {
            guard let lifetime = self.configuration.lifetime(of: kind) else { continue }
            for entry in self.table.entries(of: kind) {
                let end = (entry.since ?? now).advanced(by: lifetime)
                if end <= now { ended.append(entry.record) } else { next = min(next ?? end, end) }
            }
        }
        ended.sort { $0.key < $1.key }
        for record in ended {
            self.table.remove(record.key)
            self.memory.ended.insert(record.version, for: record.key)
        }
        self.nextExpiry = next.map { max($0, now.advanced(by: Self.expiryGrain)) }
        let visible = ended.filter { !$0.isTombstone }
        return visible.isEmpty ? [] : [.expired(visible)]
    }

    /// Makes sure that deletions are forgotten one day, and at once when there are too many.
    mutating func noteTombstones(at now: MonotonicInstant) {
        let count = self.table.tombstoneCount
        if count > self.configuration.tombstoneLimit {
            self.nextCollection = now
        } else if count > 0, self.nextCollection == nil {
            self.nextCollection = now.advanced(by: Self.collectionPeriod)
        }
    }

    /// Whether a deletion of this stamp may be forgotten.
    func isOverdue(_ stamp: HybridTimestamp, at now: MonotonicInstant) -> Bool {
        guard let wall = self.wallMilliseconds(at: now), wall > stamp.milliseconds else {
            return false
        }
        let age = self.configuration.tombstoneAge.saturatedNanoseconds / 1_000_000
        return wall - stamp.milliseconds >= UInt64(max(0, age))
    }

    /// Forgets old deletions, and the oldest beyond the bound.
    ///
    /// ``configurationStamp`` does not go back with them, except over a restart; the configuration's
    /// hash, which says what routes, is not touched.
    mutating func collect(at now: MonotonicInstant) -> [Effect] {
        guard let due = self.nextCollection, due <= now else { return [] }
        let tombstones = self.table.kinds.filter(\.isDurable)
            .flatMap { self.table.entries(of: $0).filter(\.record.isTombstone) }
            .sorted { $0.record.version < $1.record.version }
        let excess = max(0, tombstones.count - self.configuration.tombstoneLimit)
        let old = tombstones.enumerated()
            .filter { index, entry in
                let isSettled =
                    entry.since.map { $0.advanced(by: Self.collectionPeriod) <= now } ?? true
                return index < excess
                    || (isSettled && self.isOverdue(entry.record.version.stamp, at: now))
            }
            .map(\.element.record)
        for record in old {
            self.table.remove(record.key)
            self.memory.collected.insert(record.version, for: record.key)
        }
        self.forgetMatches()
        let isEmpty = self.table.tombstoneCount == 0
        self.nextCollection = isEmpty ? nil : now.advanced(by: Self.collectionPeriod)
        return old.isEmpty ? [] : [.collected(old)]
    }
}
