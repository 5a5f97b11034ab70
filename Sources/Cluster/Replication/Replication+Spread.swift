internal import MeshPrimitives

extension Replication {
    /// Most datagrams of one urgent write, and of one greeting, to one peer.
    private static let urgentParcelLimit = 8
    /// Most datagrams of one tick to one peer.
    private static let tickParcelLimit = 4

    /// How often each node sends one record: `factor` × ⌈log10(members + 1)⌉.
    var sendLimit: Int {
        var reach = 10
        var rounds = 1
        while reach < self.peers.count + 2 {
            reach *= 10
            rounds += 1
        }
        return self.configuration.retransmissionFactor * rounds
    }

    /// Sends a local write on its way.
    mutating func spread(
        _ records: [Record],
        urgency: RecordUrgency,
        at now: MonotonicInstant
    ) -> [Effect] {
        let durable = records.filter(\.key.kind.isDurable)
        let others = records.filter { !$0.key.kind.isDurable }
        let size = durable.reduce(0) { $0 + $1.wireByteCount }
        let isPushed = size <= self.configuration.datagramByteCount
        var direct = isPushed ? durable : []
        if urgency == .urgent { direct += others }
        let targets = self.urgentTargets(excluding: [])
        var effects = self.push(
            direct,
            to: targets,
            relays: targets.count < self.peers.count ? 1 : 0
        )
        if !durable.isEmpty, !isPushed { effects += self.announce(to: targets) }
        for record in others + (isPushed ? durable : []) { self.queue.insert(record.key) }
        self.armTick(at: now)
        return effects
    }

    /// Takes in news, passes urgent news on once, and queues all of it for later ticks.
    mutating func receivePush(
        _ records: [Record],
        _ offers: [RecordSummary],
        relays: UInt8,
        from sender: NodeID,
        at now: MonotonicInstant
    ) -> [Effect] {
        let admission = self.admit(records, at: now)
        var effects = self.effects(of: admission)
        if relays > 0, self.peers.count > self.configuration.directPeerLimit {
            effects += self.push(
                admission.fresh,
                to: self.urgentTargets(excluding: [sender]),
                relays: 0
            )
        }
        for record in admission.fresh { self.queue.insert(record.key) }
        if self.syncs[sender] != nil {
            for offer in offers where self.wants(offer, reports: &effects, at: now) {
                guard !self.isPulling(offer) else { continue }
                self.update(sender) { $0.want(offer) }
            }
        }
        if !admission.fresh.isEmpty { self.armTick(at: now) }
        return effects
    }

    /// Passes on what came over a stream: ephemeral records by push, durable ones by announcing.
    mutating func passOn(_ admission: Admission, at now: MonotonicInstant) -> [Effect] {
        guard !admission.fresh.isEmpty else { return [] }
        for record in admission.fresh where !record.key.kind.isDurable {
            self.queue.insert(record.key)
        }
        self.armTick(at: now)
        guard self.peers.count > self.configuration.directPeerLimit,
            admission.fresh.contains(where: { $0.key.kind.isDurable })
        else { return [] }
        return self.announce(to: self.urgentTargets(excluding: []))
    }

    /// Sends one tick's news to random peers.
    mutating func tick(at now: MonotonicInstant) -> [Effect] {
        guard let due = self.nextTick, due <= now else { return [] }
        self.nextTick = nil
        guard !self.peers.isEmpty else { return [] }
        var effects: [Effect] = []
        let targets = self.sample(self.configuration.fanout, excluding: [])
        for peer in targets {
            var sent: Set<RecordKey> = []
            for _ in 0..<Self.tickParcelLimit {
                let parcel = self.queue.pack(
                    byteCount: self.configuration.datagramByteCount,
                    sendLimit: self.sendLimit,
                    skipping: &sent,
                    from: self.table
                )
                guard !parcel.isEmpty else { break }
                effects.append(.send(parcel.message(), to: peer))
            }
        }
        if self.announceRounds > 0 {
            self.announceRounds -= 1
            effects += self.announce(to: targets)
        }
        if !self.queue.isEmpty || self.announceRounds > 0 { self.armTick(at: now) }
        return effects
    }

    /// Tells new peers the root and what only this node can tell.
    mutating func greet(_ arrivals: [NodeID], at now: MonotonicInstant) -> [Effect] {
        guard !arrivals.isEmpty else { return [] }
        if !self.queue.isEmpty || self.announceRounds > 0 { self.armTick(at: now) }
        let own = self.table.kinds.filter { !$0.isDurable }
            .flatMap { kind in
                self.table.entries(of: kind).map(\.record)
                    .filter { $0.version.writer == self.node }
                    .sorted { $0.key < $1.key }
            }
        return self.announce(to: arrivals) + self.push(own, to: arrivals, relays: 0)
    }

    /// Makes sure that a tick comes.
    mutating func armTick(at now: MonotonicInstant) {
        guard self.nextTick == nil else { return }
        self.nextTick = now.advanced(by: self.configuration.tickInterval)
    }

    /// Everything that follows from records having become current.
    mutating func noteChange(of records: [Record], at now: MonotonicInstant) {
        for record in records { self.noteLifetime(of: record, at: now) }
        guard records.contains(where: { $0.key.kind.isDurable }) else { return }
        self.table.refresh()
        self.noteTombstones(at: now)
        self.announceRounds = self.sendLimit
        self.forgetMatches()
    }

    private func announce(to targets: [NodeID]) -> [Effect] {
        let message = ReplicationMessage.announce(
            root: self.rootDigest,
            configurationStamp: self.configurationStamp
        )
        return targets.map { .send(message, to: $0) }
    }

    private func push(_ records: [Record], to targets: [NodeID], relays: UInt8) -> [Effect] {
        let parcels = Parcel.fill(
            records.compactMap { self.table[$0.key] },
            byteCount: self.configuration.datagramByteCount
        )
        return targets.flatMap { target in
            parcels.prefix(Self.urgentParcelLimit).map { parcel in
                Effect.send(parcel.message(relays: relays), to: target)
            }
        }
    }

    private mutating func urgentTargets(excluding excluded: [NodeID]) -> [NodeID] {
        if self.peers.count <= self.configuration.directPeerLimit {
            return self.peers.filter { !excluded.contains($0) }
        }
        return self.sample(self.configuration.urgentFanout, excluding: excluded)
    }

    private mutating func sample(_ count: Int, excluding excluded: [NodeID]) -> [NodeID] {
        let candidates = self.peers.filter { !excluded.contains($0) }
        return Array(self.generator.shuffle(candidates).prefix(count))
    }
}
