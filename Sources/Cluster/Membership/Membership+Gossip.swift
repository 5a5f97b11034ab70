internal import MeshDissemination
public import MeshPrimitives

/// Datagrams: what goes out with them and what comes in.
extension Membership {
    /// Takes in one datagram.
    ///
    /// - Parameters:
    ///   - message: decoded and authentic, yet not believed further than a peer may be.
    ///   - source: where it came from; answers go there and nowhere else.
    ///   - now: the current moment.
    /// - Returns: what to do next.
    public mutating func receive(
        _ message: MembershipMessage,
        from source: Endpoint,
        at now: MonotonicInstant
    ) -> [Effect] {
        self.forgiveOwnStall(at: now)
        guard self.phase.isHeard, message.sender != self.local.id else {
            return self.finish(at: now)
        }
        let kinship = self.relate(to: message, at: now)
        if message.kind == .syncAnswer, let namesake = self.namesake(in: message) {
            self.refused(by: namesake)
            return self.finish(at: now)
        }
        self.mergeAll(message, at: now)
        self.table.hear(message.sender, at: now)
        switch message.kind {
        case .ping(let sequence, let target):
            guard target == self.local.id else {
                if kinship == .same { self.denyBeing(target, sequence, to: source, at: now) }
                break
            }
            self.send(
                .ack(sequence: sequence),
                first: kinship == .same ? self.news(for: message, at: now) : [],
                carriesNews: kinship == .same && self.isReached(message.sender, at: source),
                to: source,
                at: now
            )
        case .ack(let sequence):
            self.acknowledged(sequence: sequence, from: message.sender, measured: true, at: now)
        case .nack(let sequence):
            self.probe.nack(sequence: sequence, from: message.sender)
            self.considerReplaced(sequence, by: message.sender, at: source, now)
        case .pingRequest(let sequence, let target, _):
            guard kinship == .same else { break }
            self.relay(askerSequence: sequence, target: target, to: source, at: now)
        case .sync:
            guard kinship != .foreign else { break }
            self.returnIntroduction(message, to: source, at: now)
        case .syncAnswer:
            self.joined(through: message)
        case .refusal(let holder):
            self.refused(by: holder, in: message)
        case .gossip, .compare, .comparison, .difference:
            break
        }
        if message.kind.isPing || self.mesh.yields(to: message.mesh) {
            self.greetStranger(message, at: source, now)
        }
        self.noteDigest(of: message)
        return self.finish(at: now)
    }

    /// Whether a member answers at an address; anybody may send from another one what it has said before,
    /// so there it hears only what concerns itself.
    private func isReached(_ id: NodeID, at source: Endpoint) -> Bool {
        self.table[id]?.profile.address == source
    }

    /// Plans a round of gossip, or of probes that do not wait for their turn, when there is one to
    /// make, at the beat that rounds would have had: a node that has no news is not woken for it.
    mutating func planGossip(at now: MonotonicInstant) {
        guard !self.isGossipPlanned, self.table.count > 0 || self.reconnectionIsStale,
            !self.broadcasts.isEmpty || self.reconnectionIsStale || self.isMassChange
                || (self.probeOrder.hasUrgent && !self.probe.isFull)
        else { return }
        self.isGossipPlanned = true
        guard self.nextGossip < now else { return }
        let interval = self.configuration.gossipInterval
        let missed = self.nextGossip.duration(to: now) / interval
        self.nextGossip = self.nextGossip.advanced(by: interval * missed.rounded(.up))
    }

    /// Sends what is queued to a few random members, apart from probes.
    mutating func gossip(at now: MonotonicInstant) {
        guard self.isGossipPlanned, now >= self.nextGossip else { return }
        self.isGossipPlanned = false
        self.nextGossip = now.advanced(by: self.configuration.gossipInterval)
        // Not with each change: when many die at once, this would cost the square of them.
        if self.reconnectionIsStale, now >= self.nextAim { self.aimReconnection(at: now) }
        self.compareAfterMassChange(at: now)
        guard !self.broadcasts.isEmpty, self.mayTell(at: now) != nil else { return }
        let fanout = self.configuration.gossipFanout + self.broadcasts.count / 32
        var peers = self.table.pickToTell(
            min(fanout, max(self.configuration.gossipBurst, self.configuration.gossipFanout)),
            using: &self.generator
        )
        if let suspect = self.table.pickSuspect(using: &self.generator), self.isToTell(suspect) {
            peers.append(suspect)
        }
        // One that failed not long ago may yet refute.
        let since = now.advanced(by: .zero - self.configuration.gossipToFailed)
        if let gone = self.table.pickLatelyFailed(since: since, using: &self.generator),
            self.isToTell(gone)
        {
            peers.append(gone)
        }
        for peer in peers where !self.broadcasts.isEmpty {
            let first = self.charges(against: peer, at: now)
            // Nothing to say to it: neither that it is accused nor, without bytes left, news.
            guard !first.isEmpty || self.mayTell(at: now) != nil else { continue }
            let (isAlive, address) = (peer.state == .alive, peer.profile.address)
            self.send(.gossip, first: first, carriesNews: isAlive, to: address, at: now)
        }
    }

    /// Whether it is this node that tells a member what stands against it: as one who accuses it, or by a
    /// chance that makes eight members do so, however large the mesh.
    private mutating func isToTell(_ member: Member) -> Bool {
        self.suspicions.isAccused(member.id, by: self.local.id)
            || self.generator.nextUnit() * Double(self.table.presentCount) < 8
    }

    /// Sends one datagram filled with `first` and then, if it carries news, with what is queued.
    ///
    /// What is queued is sent so many times and no more: none of it is spent on somebody who is
    /// probably dead, nor on anybody while the bytes are used up.
    mutating func send(
        _ kind: MembershipMessage.Kind,
        first: [MemberUpdate] = [],
        carriesNews: Bool = true,
        to endpoint: Endpoint,
        at now: MonotonicInstant
    ) {
        guard carriesNews, let least = self.mayTell(at: now) else {
            return self.transmit(self.message(kind, updates: first), to: endpoint, at: now)
        }
        // Of what a withdrawn node says little arrives, so it says the most important always.
        let isTold = !self.reach.isWithdrawn || first.contains { $0.subject == self.local.id }
        let first = isTold ? first : [.record(self.local.signed)] + first
        let used = first.reduce(MembershipMessage.fixedByteCount) { $0 + $1.wireByteCount }
        let room = self.configuration.datagramByteLimit - used
        let queued = self.broadcasts.take(
            fitting: room,
            sendLimit: SendLimit.times(
                self.configuration.retransmitMultiplier,
                among: self.table.presentCount + 1
            ),
            bulkLimit: self.newcomerLimit,
            atLeast: least
        )
        self.transmit(self.message(kind, updates: first + queued), to: endpoint, at: now)
    }

    /// Sends one datagram; what a node must say it says with or without bytes left, so that whoever
    /// floods it does not keep it from probing and answering.
    mutating func transmit(
        _ message: MembershipMessage,
        to endpoint: Endpoint,
        at now: MonotonicInstant
    ) {
        if self.datagramBudget.available(at: now) > 0 {
            self.datagramBudget.spend(message.wireByteCount, at: now)
        }
        self.pending.append(.send(message, to: endpoint))
    }

    /// What news may be passed on now: all while there are bytes left, else this node's own word; `nil`
    /// when there is none of that; counts when there are no bytes.
    private mutating func mayTell(at now: MonotonicInstant) -> BroadcastUrgency? {
        guard self.datagramBudget.available(at: now) <= 0 else { return .normal }
        if !self.broadcasts.isEmpty { self.counters.newsHeld += 1 }
        return self.broadcasts.hasUrgent ? .urgent : nil
    }

    /// Updates that wait, from which on newcomers are told of fewer times.
    private static let massChange = 64

    /// How often a newcomer is told of; `nil` as often as anything else.
    ///
    /// When a large fleet starts, everybody has news of everybody: telling each of them as often as a
    /// single one would take minutes. Few miss a record that all tell four times, and these find it
    /// when views are compared. A verdict, or a word against one, may not wait for that.
    private var newcomerLimit: Int? {
        self.broadcasts.count < Self.massChange ? nil : self.configuration.retransmitMultiplier
    }

    /// Sees to it that views are compared soon after much has changed at once.
    private mutating func compareAfterMassChange(at now: MonotonicInstant) {
        if self.broadcasts.count >= Self.massChange {
            self.isMassChange = true
        } else if self.isMassChange {
            self.isMassChange = false
            let pause = self.configuration.probeInterval * (1 + 2 * self.generator.nextUnit())
            self.nextSync = min(self.nextSync, now.advanced(by: pause))
        }
    }

    /// A message from this node.
    func message(
        _ kind: MembershipMessage.Kind,
        updates: [MemberUpdate]
    ) -> MembershipMessage {
        MembershipMessage(
            kind: kind,
            sender: self.local.id,
            senderIncarnation: self.local.incarnation,
            digest: self.localDigest,
            mesh: self.mesh,
            updates: updates
        )
    }

    /// Passes the root hash on that a present member showed.
    mutating func noteDigest(of message: MembershipMessage) {
        guard self.table.isPresent(message.sender) else { return }
        self.pending.append(.peerDigest(message.sender, message.digest))
    }

    /// What the sender should hear first: that this node doubts it, this node's own word against what
    /// the sender claims of it, however old that claim is, and what another process of the sender's
    /// identity said later: it runs twice, or from an older disk.
    func news(
        for message: MembershipMessage,
        at now: MonotonicInstant
    ) -> [MemberUpdate] {
        var news: [MemberUpdate] = []
        let isAccused = message.updates.contains { update in
            if case .accusation = update { update.subject == self.local.id } else { false }
        }
        if isAccused { news.append(.record(self.local.signed)) }
        guard let member = self.table[message.sender],
            member.incarnation >= message.senderIncarnation
        else { return news }
        if member.incarnation > message.senderIncarnation { news.append(.record(member.signed)) }
        return news + self.charges(against: member, at: now)
    }
}

extension MembershipMessage.Kind {
    fileprivate var isPing: Bool {
        if case .ping = self { true } else { false }
    }
}

extension Membership.Phase {
    /// Whether datagrams are taken in.
    var isHeard: Bool {
        switch self {
        case .running, .leaving: true
        case .idle, .gone, .yielded: false
        }
    }
}
