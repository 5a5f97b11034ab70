internal import MeshPrimitives

extension Changelog {
    /// What became of a changeset that came from a peer.
    enum Admission: Equatable {
        /// It waits for the disk.
        case staged
        /// It is there already.
        case known
        /// One before it is missing, or one of its writer has two contents.
        case gap
        /// It has no place here.
        case refused
    }

    /// Takes in a whole changeset of a peer.
    mutating func admit(
        _ bytes: [UInt8],
        from peer: NodeID,
        _ effects: inout [ChangelogEffect]
    ) -> Admission {
        let entry: EncodedChangeset
        do throws(ChangelogError) {
            entry = try EncodedChangeset(decoding: bytes, hash: self.rules.hash)
        } catch {
            effects.append(.notice(.malformed(peer, reason: error.description)))
            return .refused
        }
        let id = entry.id
        let last = self.staging.vector[id.writer]
        if id.sequence <= last?.sequence ?? 0 {
            guard let held = self.staging.hash(of: id) ?? self.log.hash(of: id),
                held != entry.hash, self.rules.flaw != .ignoresOtherContents
            else { return .known }
            guard self.isSealed(entry, from: peer, &effects) else { return .refused }
            return self.contest(entry, held: held, &effects)
        }
        guard id.sequence == (last?.sequence ?? 0) + 1 else { return .gap }
        guard self.isSealed(entry, from: peer, &effects) else { return .refused }
        guard entry.changeset.previous == last?.head ?? .zero else {
            self.session?.contested.insert(id.writer)
            return .gap
        }
        return self.stage(entry, &effects)
    }

    /// Whether the node that a changeset names as its writer has made it; tells of one that it has not.
    private mutating func isSealed(
        _ entry: EncodedChangeset,
        from peer: NodeID,
        _ effects: inout [ChangelogEffect]
    ) -> Bool {
        guard let keys = self.keys, !entry.isGenuine(keys, hash: self.rules.hash) else {
            return true
        }
        let reason = "\(entry.id) is not sealed by node \(entry.changeset.node)"
        if self.show(entry.id) { effects.append(.notice(.malformed(peer, reason: reason))) }
        return false
    }

    private mutating func stage(
        _ entry: EncodedChangeset,
        _ effects: inout [ChangelogEffect]
    ) -> Admission {
        let position = entry.changeset.position
        guard position > self.log.checkpoint.horizon else {
            if self.show(entry.id) { effects.append(.notice(.cameLate(entry.id))) }
            return .refused
        }
        let held = max(self.staging.generation, self.log.generation)
        guard
            position.generation <= held || self.rules.flaw == .takesAnyGeneration
                || position.generation - held <= self.configuration.generationLead
        else {
            if self.show(entry.id) {
                effects.append(
                    .notice(
                        .generationAhead(entry.id, generation: position.generation, held: held)
                    )
                )
            }
            return .refused
        }
        let before = ChangesetID(writer: entry.id.writer, sequence: entry.id.sequence - 1)
        let last = max(
            self.log.entry(before)?.changeset.generation ?? 0,
            self.staging.generation(of: entry.id.writer)
        )
        guard position.generation > last else { return .refused }
        self.staging.add(entry)
        return .staged
    }

    /// Two contents under one name: the one with the lower hash stands at every node, the other and
    /// what follows it is kept aside and written again.
    private mutating func contest(
        _ entry: EncodedChangeset,
        held: ContentHash,
        _ effects: inout [ChangelogEffect]
    ) -> Admission {
        if self.show(entry.id) {
            effects.append(.notice(.twoContents(entry.id, held, entry.hash)))
        }
        if entry.id.writer == self.writer { effects += self.replaceWriter() }
        // What is on its way to the disk is looked at again when it is there.
        guard (entry.hash.high, entry.hash.low) < (held.high, held.low),
            self.staging.hash(of: entry.id) == nil, self.staging.isEmpty, self.isDiskIdle
        else { return .refused }
        let before = entry.id.sequence - 1
        let floor = self.log.checkpoint.vector.sequence(of: entry.id.writer)
        let head = self.log.hash(of: ChangesetID(writer: entry.id.writer, sequence: before))
        guard before >= floor, entry.changeset.previous == head ?? .zero else { return .refused }
        let last = self.log.vector.sequence(of: entry.id.writer)
        let displaced = (entry.id.sequence...last).compactMap {
            self.log.entry(ChangesetID(writer: entry.id.writer, sequence: $0))
        }
        self.staging.remove(
            displaced,
            downTo: head.map { VersionVector.Entry(sequence: before, head: $0) }
        )
        return self.stage(entry, &effects)
    }

    /// Goes on under a new name, since another store writes under the old one.
    mutating func replaceWriter() -> [ChangelogEffect] {
        let old = self.writer
        self.writer = WriterID(of: self.node, using: &self.generator)
        self.isWriterSaved = false
        return [.notice(.writerReplaced(old, by: self.writer))]
    }

    /// Whether something about `id` has not been told yet; remembers 1,024 names.
    private mutating func show(_ id: ChangesetID) -> Bool {
        if self.shown.count >= 1_024 { self.shown = [] }
        return self.shown.insert(id).inserted
    }
}
