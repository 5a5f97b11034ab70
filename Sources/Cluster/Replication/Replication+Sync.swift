internal import MeshPrimitives

extension Replication {
    /// Most bytes one exchange may ask for, in stream messages.
    private static let exchangeMessageLimit = 8

    /// Remembers a peer's root when it differs from ours.
    mutating func noteRoot(_ root: ContentHash, of peer: NodeID) {
        guard self.syncs[peer] != nil else { return }
        let isEqual = root == self.rootDigest
        self.update(peer) { sync in
            // A late datagram from before the difference must not end a session about it.
            if isEqual, sync.step != .idle { return }
            sync.mismatch = isEqual ? nil : root
        }
    }

    /// Drops mismatches that the last change resolved.
    mutating func forgetMatches() {
        for peer in self.busy.sorted() where self.syncs[peer]?.mismatch == self.rootDigest {
            self.update(peer) { $0.mismatch = nil }
        }
    }

    /// Takes in a peer's root.
    mutating func receiveAnnounce(_ root: ContentHash, from sender: NodeID) -> [Effect] {
        self.noteRoot(root, of: sender)
        return []
    }

    /// Starts pulls and sessions for which there is reason, time and room.
    mutating func startExchanges(at now: MonotonicInstant) -> [Effect] {
        guard !self.busy.isEmpty else { return [] }
        var effects: [Effect] = []
        var running = self.busy.count { self.syncs[$0]?.step != .idle }
        for peer in self.busy.sorted() {
            guard running < self.configuration.sessionLimit else { break }
            guard let sync = self.syncs[peer], sync.step == .idle else { continue }
            if !sync.wanted.isEmpty {
                effects.append(self.pull(from: peer, at: now))
            } else if self.maySync(sync, at: now) {
                effects.append(self.beginSession(with: peer, at: now))
            } else {
                continue
            }
            running += 1
        }
        return effects
    }

    /// Answers a digest with everything in the buckets that differ, up to one message.
    mutating func answer(
        digest: [UInt64],
        to sender: NodeID,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard digest.count == DigestTree.bucketCount else {
            self.counters.malformed += 1
            return []
        }
        let pause = self.configuration.sessionInterval / 4
        if let last = self.memory.answers[sender], now < last.advanced(by: pause) {
            self.counters.ignored += 1
            return []
        }
        self.memory.answers.insert(now, for: sender)
        let different = self.table.tree.differences(to: digest)
        guard !different.isEmpty else {
            return [.stream(.summary(buckets: [], entries: []), to: sender)]
        }
        let start = self.generator.next(below: different.count)
        return [.stream(self.summary(of: different[start...] + different[..<start]), to: sender)]
    }

    /// Compares a summary with this store and exchanges what differs.
    mutating func receiveSummary(
        _ buckets: [UInt8],
        _ entries: [RecordSummary],
        from sender: NodeID,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard self.syncs[sender]?.step == .awaitingSummary else {
            self.counters.ignored += 1
            return []
        }
        var effects: [Effect] = []
        var wants: [RecordKey] = []
        var revived: [Record] = []
        let theirs = Dictionary(
            entries.map { ($0.key, $0) },
            uniquingKeysWith: { $0.version < $1.version ? $1 : $0 }
        )
        for entry in entries where entry.key.kind.isDurable && theirs[entry.key] == entry {
            if !entry.isTombstone,
                let tombstone = self.revive(entry.key, against: entry.version, at: now)
            {
                revived.append(tombstone)
            } else if self.wants(entry, reports: &effects, at: now) {
                wants.append(entry.key)
            }
        }
        if !revived.isEmpty { self.noteChange(of: revived, at: now) }
        let newer = self.newer(than: theirs, in: buckets, at: now)
        effects += self.publish(revived, visible: [])
        effects += self.deliver(newer, wanting: wants, to: sender)
        let timeout = self.configuration.sessionTimeout
        self.update(sender) { sync in
            if !newer.isEmpty || buckets.isEmpty { sync.mismatch = nil }
            if wants.isEmpty {
                sync.end()
            } else {
                sync.awaitRecords(timeout: timeout, at: now)
            }
        }
        return effects
    }

    /// Merges what a peer has newer and sends what it wants.
    mutating func receiveExchange(
        _ records: [Record],
        _ wants: [RecordKey],
        from sender: NodeID,
        at now: MonotonicInstant
    ) -> [Effect] {
        let admission = self.admit(records, at: now)
        var effects = self.effects(of: admission)
        if !wants.isEmpty {
            var seen: Set<RecordKey> = []
            let found = wants.filter { seen.insert($0).inserted }
                .compactMap { self.table[$0]?.record }
            let chunks = self.chunks(found).prefix(Self.exchangeMessageLimit)
            effects += self.stream(Array(chunks), to: sender)
        }
        return effects + self.passOn(admission, at: now)
    }

    /// Merges what was asked for, or what a session brings before its exchange.
    mutating func receiveRecords(
        _ records: [Record],
        more: Bool,
        from sender: NodeID,
        at now: MonotonicInstant
    ) -> [Effect] {
        let admission = self.admit(records, at: now)
        if self.syncs[sender]?.step == .awaitingRecords {
            let timeout = self.configuration.sessionTimeout
            self.update(sender) { sync in
                if more {
                    sync.awaitRecords(timeout: timeout, at: now)
                } else {
                    sync.end()
                }
            }
        }
        return self.effects(of: admission) + self.passOn(admission, at: now)
    }

    /// Gives up on peers that did not answer in time.
    mutating func endOverdue(at now: MonotonicInstant) {
        for peer in self.busy.sorted() {
            guard let sync = self.syncs[peer], sync.step != .idle, sync.deadline <= now else {
                continue
            }
            self.counters.timeouts += 1
            self.update(peer) { $0.end() }
        }
    }

    /// Whether the offered record is on its way already.
    func isPulling(_ offer: RecordSummary) -> Bool {
        self.busy.contains { peer in
            guard let sync = self.syncs[peer] else { return false }
            let pending = sync.pulling[offer.key] ?? sync.wanted[offer.key]
            return pending.map { $0 >= offer.version } ?? false
        }
    }

    /// Changes what is known of a peer.
    mutating func update(_ peer: NodeID, _ change: (inout PeerSync) -> Void) {
        guard var sync = self.syncs[peer] else { return }
        change(&sync)
        self.syncs[peer] = sync
        if sync.isBusy { self.busy.insert(peer) } else { self.busy.remove(peer) }
    }

    /// One session per root at a time, unless the first is slow: many peers announce the same news.
    private func maySync(_ sync: PeerSync, at now: MonotonicInstant) -> Bool {
        guard let root = sync.mismatch, sync.earliest <= now else { return false }
        return !self.busy.contains { peer in
            guard let other = self.syncs[peer], other.step != .idle, other.mismatch == root else {
                return false
            }
            return now < other.since.advanced(by: self.configuration.sessionInterval)
        }
    }

    private mutating func beginSession(with peer: NodeID, at now: MonotonicInstant) -> Effect {
        self.counters.sessions += 1
        let own = self.rootDigest
        let configuration = self.configuration
        self.update(peer) { $0.beginSession(own: own, configuration: configuration, at: now) }
        return .stream(.digest(self.table.tree.buckets), to: peer)
    }

    private mutating func pull(from peer: NodeID, at now: MonotonicInstant) -> Effect {
        var keys: [RecordKey] = []
        let timeout = self.configuration.sessionTimeout
        self.update(peer) { keys = $0.beginPull(timeout: timeout, at: now) }
        return .stream(.exchange(records: [], wants: keys), to: peer)
    }

    private func summary(of buckets: ArraySlice<UInt8>) -> ReplicationMessage {
        let buckets = Array(buckets)
        var listed: [UInt8] = []
        var entries: [RecordSummary] = []
        var room = self.configuration.streamByteCount - buckets.count
        for (bucket, content) in zip(buckets, self.table.durable(in: buckets)) {
            let size = content.reduce(0) { $0 + $1.summary.wireByteCount }
            guard size <= room || listed.isEmpty else { break }
            listed.append(bucket)
            for entry in content where room >= entry.summary.wireByteCount {
                room -= entry.summary.wireByteCount
                entries.append(entry.summary)
            }
        }
        return .summary(buckets: listed, entries: entries)
    }

    private func newer(
        than theirs: [RecordKey: RecordSummary],
        in buckets: [UInt8],
        at now: MonotonicInstant
    ) -> [Record] {
        self.table.durable(in: buckets).flatMap { $0 }
            .filter { entry in
                guard let other = theirs[entry.record.key] else {
                    return
                        !(entry.record.isTombstone
                        && self.isOverdue(entry.record.version.stamp, at: now))
                }
                return other.version < entry.record.version
                    || (other.version == entry.record.version
                        && other.fingerprint != entry.hash.high)
            }
            .map(\.record)
    }

    private func deliver(
        _ newer: [Record],
        wanting wants: [RecordKey],
        to peer: NodeID
    ) -> [Effect] {
        guard !newer.isEmpty || !wants.isEmpty else { return [] }
        var chunks = Array(self.chunks(newer).prefix(Self.exchangeMessageLimit))
        let wantSize = wants.reduce(0) { $0 + $1.name.utf8.count + 8 }
        let last = chunks.last.map { $0.reduce(0) { $0 + $1.wireByteCount } } ?? 0
        if last + wantSize > self.configuration.streamByteCount { chunks.append([]) }
        let final = chunks.popLast() ?? []
        return chunks.map { .stream(.records($0, more: true), to: peer) }
            + [.stream(.exchange(records: final, wants: wants), to: peer)]
    }

    private func stream(_ chunks: [[Record]], to peer: NodeID) -> [Effect] {
        guard !chunks.isEmpty else { return [.stream(.records([], more: false), to: peer)] }
        return chunks.enumerated()
            .map { index, chunk in
                .stream(.records(chunk, more: index + 1 < chunks.count), to: peer)
            }
    }

    private func chunks(_ records: [Record]) -> [[Record]] {
        var result: [[Record]] = []
        var room = 0
        for record in records {
            let size = record.wireByteCount
            if size > room || result.isEmpty {
                result.append([])
                room = self.configuration.streamByteCount
            }
            result[result.count - 1].append(record)
            room -= size
        }
        return result
    }
}
