internal import MeshPrimitives

extension Changelog {
    /// What this node holds, as peers are told.
    var summary: ChangelogSummary {
        ChangelogSummary(
            vector: self.log.vector,
            floor: self.log.checkpoint.vector,
            horizon: self.log.checkpoint.horizon,
            checkpoint: self.log.checkpoint.hash
        )
    }

    mutating func receiveInquiry(
        _ summary: ChangelogSummary,
        from peer: NodeID,
        by path: ChangelogPath,
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        guard self.peers[peer] != nil else { return [] }
        let effects = self.learn(summary, from: peer)
        if !self.staging.vector.covers(summary.vector) || self.mustAdopt(summary) {
            self.candidates.insert(peer)
        }
        return effects + [self.reply(.summary(self.summary), peer, path)]
            + self.startSession(at: now)
    }

    /// How long the bytes of a large changeset are kept after somebody has asked for a part of it.
    private static let servedRest: Duration = .seconds(3)
    /// Large changesets whose bytes are kept at a time.
    private static let servedLimit = 4

    /// Sends a chunk of what `vector` does not include, in the order of applying.
    mutating func serve(
        _ vector: VersionVector,
        _ progress: PartProgress?,
        to peer: NodeID,
        by path: ChangelogPath,
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        var room = self.chunkByteCount(path)
        var parts: [ChangesetPart] = []
        for entry in self.log.entries where !vector.covers(entry.id) {
            guard room > 0 else { return [self.reply(.parts(parts, isLast: false), peer, path)] }
            var offset = 0
            if parts.isEmpty, let progress, progress.hash == entry.hash {
                offset = Int(min(progress.offset, UInt64(entry.byteCount)))
            }
            let end = min(entry.byteCount, offset + room)
            room -= end - offset + ChangesetPart.overhead
            parts.append(
                ChangesetPart(
                    id: entry.id,
                    hash: entry.hash,
                    total: UInt64(entry.byteCount),
                    offset: UInt64(offset),
                    bytes: Array(self.served(entry, at: now)[offset..<end])
                )
            )
            if end < entry.byteCount {
                return [self.reply(.parts(parts, isLast: false), peer, path)]
            }
        }
        return [self.reply(.parts(parts, isLast: true), peer, path)]
    }

    /// An entry's bytes; those of a large one are kept for the next that asks.
    private mutating func served(_ entry: EncodedChangeset, at now: MonotonicInstant) -> [UInt8] {
        guard entry.byteCount > self.configuration.chunkByteCount else { return entry.bytes }
        let known = self.served.first { $0.hash == entry.hash }
        let served = Served(hash: entry.hash, bytes: known?.bytes ?? entry.bytes, at: now)
        self.served.removeAll { $0.hash == entry.hash }
        self.served = self.served.suffix(Self.servedLimit - 1) + [served]
        return served.bytes
    }

    /// Lets go of bytes that nobody has asked for lately.
    mutating func forgetServed(at now: MonotonicInstant) {
        self.served.removeAll { now >= $0.at.advanced(by: Self.servedRest) }
    }

    func serveCheckpoint(
        _ hash: ContentHash,
        offset: UInt64,
        to peer: NodeID,
        by path: ChangelogPath
    ) -> [ChangelogEffect] {
        let bytes = hash == self.log.checkpoint.hash ? self.checkpointBytes : []
        let start = Int(min(offset, UInt64(bytes.count)))
        let end = min(bytes.count, start + self.chunkByteCount(path))
        let part = ChangelogMessage.checkpointPart(
            hash,
            total: UInt64(bytes.count),
            offset: UInt64(start),
            bytes: Array(bytes[start..<end])
        )
        return [self.reply(part, peer, path)]
    }

    /// Bytes of content in one answer.
    private func chunkByteCount(_ path: ChangelogPath) -> Int {
        switch path {
        case .stream: self.configuration.chunkByteCount
        case .datagram:
            min(
                self.configuration.chunkByteCount,
                self.configuration.datagramByteCount - ChangesetPart.overhead
            )
        }
    }

    private func reply(
        _ message: ChangelogMessage,
        _ peer: NodeID,
        _ path: ChangelogPath
    ) -> ChangelogEffect {
        switch path {
        case .datagram: .send(message, to: peer)
        case .stream: .stream(message, to: peer)
        }
    }

    /// Takes from a summary who holds what, and whether another store writes under this one's name.
    mutating func learn(
        _ summary: ChangelogSummary,
        from peer: NodeID
    ) -> [ChangelogEffect] {
        // Only of a peer that holds nothing unknown here is it certain that what it writes from now
        // on comes after all that it holds.
        if self.log.vector.covers(summary.vector),
            let number = self.past.number(coveredBy: summary.vector)
        {
            self.covered[peer] = max(number, self.covered[peer] ?? 0)
        }
        var effects: [ChangelogEffect] = []
        if let theirs = summary.vector[self.writer] {
            let own = self.staging.vector[self.writer]
            let isOther =
                theirs.sequence > own?.sequence ?? 0
                || (theirs.sequence == own?.sequence && theirs.head != own?.head)
            if isOther { effects += self.replaceWriter() }
        }
        let log = self.log
        return effects
            + self.confirmed(by: peer) { id in
                guard let theirs = summary.vector[id.writer], theirs.sequence >= id.sequence else {
                    return false
                }
                let newest = ChangesetID(writer: id.writer, sequence: theirs.sequence)
                return log.hash(of: newest) == theirs.head
            }
    }
}
