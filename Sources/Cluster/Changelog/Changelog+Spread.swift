internal import MeshPrimitives

extension Changelog {
    /// Datagrams of changesets that one transaction's news takes; more is announced and fetched.
    private static let datagramLimit = 16
    /// Time between two pushes of one write that is not confirmed.
    private static let pushInterval: Duration = .milliseconds(300)
    /// Names in one answer: what fits a datagram.
    private static let heldLimit = 24

    /// Ends writes that the disk has: alone at once, else when others have them too.
    mutating func finish(
        _ writes: [(ticket: UInt64, id: ChangesetID?)],
        at now: MonotonicInstant
    ) -> [ChangelogEffect] {
        var effects: [ChangelogEffect] = []
        for (ticket, id) in writes {
            guard let id else {
                let receipt = ChangelogReceipt(
                    changeset: nil,
                    head: self.head,
                    holders: [self.node]
                )
                effects.append(.acknowledged(ticket: ticket, receipt))
                continue
            }
            self.pending.append(
                PendingWrite(
                    ticket: ticket,
                    id: id,
                    head: self.head,
                    deadline: now.advanced(by: self.configuration.acknowledgeTimeout),
                    holders: [self.node],
                    nextPush: now.advanced(by: Self.pushInterval)
                )
            )
        }
        return effects + self.settleWrites(at: nil)
    }

    /// Passes news on, once, to some peers, and tells those who sent it that it is durable here.
    mutating func passOn(
        _ added: [EncodedChangeset],
        isOwn: Bool,
        askers: Set<NodeID>
    ) -> [ChangelogEffect] {
        var newest: [ChangesetID: ContentHash] = [:]
        for writer in Set(added.map(\.id.writer)).sorted().prefix(Self.heldLimit) {
            guard let entry = self.log.vector[writer] else { continue }
            newest[ChangesetID(writer: writer, sequence: entry.sequence)] = entry.head
        }
        let answers = askers.sorted().map { ChangelogEffect.send(.held(newest), to: $0) }
        let targets = self.sample().filter { isOwn || !askers.contains($0) }
        let news = self.news(added, wantsAnswer: isOwn)
        return answers + targets.flatMap { peer in news.map { .send($0, to: peer) } }
    }

    /// Looks after writes that are not confirmed yet: pushes again, or answers with what is known.
    mutating func attendWrites(at now: MonotonicInstant) -> [ChangelogEffect] {
        var effects = self.settleWrites(at: now)
        for index in self.pending.indices where now >= self.pending[index].nextPush {
            self.pending[index].nextPush = now.advanced(by: Self.pushInterval)
            guard let entry = self.log.entry(self.pending[index].id) else { continue }
            let holders = self.pending[index].holders
            for peer in self.sample() where !holders.contains(peer) {
                effects += self.news([entry], wantsAnswer: true).map { .send($0, to: peer) }
            }
        }
        return effects
    }

    /// Counts a peer as holder of those pending writes that `holds` says it has.
    mutating func confirmed(
        by peer: NodeID,
        _ holds: (ChangesetID) -> Bool
    ) -> [ChangelogEffect] {
        guard self.peers[peer] != nil, !self.pending.isEmpty else { return [] }
        for index in self.pending.indices where holds(self.pending[index].id) {
            self.pending[index].holders.insert(peer)
        }
        return self.settleWrites(at: nil)
    }

    mutating func receiveHeld(
        _ changesets: [ChangesetID: ContentHash],
        from peer: NodeID
    ) -> [ChangelogEffect] {
        let known = changesets.filter { self.log.hash(of: $0.key) == $0.value }
        return self.confirmed(by: peer) { id in
            known.keys.contains { $0.writer == id.writer && $0.sequence >= id.sequence }
        }
    }

    /// Answers writes that enough nodes hold, and those whose time is over.
    private mutating func settleWrites(at now: MonotonicInstant?) -> [ChangelogEffect] {
        guard !self.pending.isEmpty else { return [] }
        var effects: [ChangelogEffect] = []
        var waiting: [PendingWrite] = []
        let reachable = self.peers.reachableCount + 1
        for write in self.pending {
            let receipt = ChangelogReceipt(
                changeset: write.id,
                head: write.head,
                holders: write.holders.sorted()
            )
            if self.isEnough(write.holders) {
                effects.append(.acknowledged(ticket: write.ticket, receipt))
                continue
            }
            let isOver = now.map { $0 >= write.deadline } ?? false
            if isOver || write.holders.count >= reachable {
                effects.append(.unconfirmed(ticket: write.ticket, receipt))
            } else {
                waiting.append(write)
            }
        }
        self.pending = waiting
        return effects
    }

    private func isEnough(_ holders: Set<NodeID>) -> Bool {
        guard self.rules.flaw != .acknowledgesAlone else { return true }
        let fleet = max(self.peers.count + 1, self.expectsPeers ? 2 : 1)
        guard holders.count >= min(self.configuration.durableNodes, fleet) else { return false }
        let regions = self.peers.regions.union([self.region])
        let held = Set(holders.compactMap { self.peers[$0]?.region }).union([self.region])
        return held.count >= min(self.configuration.durableRegions, regions.count)
    }

    /// The changesets themselves in some datagrams, when they fit; else that there is something.
    private func news(_ added: [EncodedChangeset], wantsAnswer: Bool) -> [ChangelogMessage] {
        var datagrams: [[ChangesetPart]] = []
        var room = 0
        for entry in added {
            let byteCount = entry.byteCount + ChangesetPart.overhead
            guard byteCount <= self.configuration.datagramByteCount else { datagrams = []; break }
            if byteCount > room {
                datagrams.append([])
                room = self.configuration.datagramByteCount
            }
            datagrams[datagrams.count - 1].append(ChangesetPart(whole: entry))
            room -= byteCount
        }
        guard (1...Self.datagramLimit).contains(datagrams.count) else {
            return [
                .announce(
                    root: self.root,
                    generation: self.log.generation,
                    wantsAnswer: wantsAnswer
                )
            ]
        }
        return datagrams.map { .push($0, wantsAnswer: wantsAnswer) }
    }

    /// Whom to tell: everybody when they are few, else some, at least one of another region.
    private mutating func sample() -> [NodeID] {
        self.peers.pick(
            self.configuration.fanout,
            upToAll: self.configuration.directPeers,
            from: self.region,
            using: &self.generator
        )
    }
}

extension ChangesetPart {
    /// A changeset in one part.
    init(whole entry: EncodedChangeset) {
        self.init(
            id: entry.id,
            hash: entry.hash,
            total: UInt64(entry.byteCount),
            offset: 0,
            bytes: entry.bytes
        )
    }
}
