public import MeshPrimitives

/// Failure detection: this node's own probes, and those it relays for others.
extension Membership {
    /// The message that ``Effect/probeByStream(_:_:sequence:)`` asks to send.
    public func streamPing(sequence: UInt32, target: NodeID) -> MembershipMessage {
        // Perhaps the only way on which the two hear of each other.
        self.message(
            .ping(sequence: sequence, target: target),
            updates: [.record(self.local.signed)]
        )
    }

    /// Reports how a probe by stream ended.
    public mutating func streamProbeFinished(
        sequence: UInt32,
        succeeded: Bool,
        at now: MonotonicInstant
    ) -> [Effect] {
        self.forgiveOwnStall(at: now)
        guard self.phase == .running, succeeded, let target = self.probe.target(of: sequence) else {
            return self.finish(at: now)
        }
        self.table.hear(target, at: now)
        self.acknowledged(sequence: sequence, from: target, measured: false, at: now)
        return self.finish(at: now)
    }

    /// Moves the probes in flight on and starts new ones: at once of members in doubt, and of one
    /// more when its turn has come.
    mutating func probeMembers(at now: MonotonicInstant) {
        for step in self.probe.step(at: now) {
            switch step {
            case .widen(let target, let sequence):
                self.widen(target, sequence, at: now)
                // Who was late before is late again: only its silence in the end tells something.
                if !self.table.wasLate(target, since: self.beginOfMemory(at: now)) {
                    self.doubt(1, after: target, at: now)
                }
            case .failed(let failure):
                let isDenied = failure.silent.count < failure.relays.count
                self.noteReach(isDenied ? .denied : .unanswered, at: now)
                self.missed(failure, at: now)
                self.doubt(2, after: failure.target, at: now)
            }
        }
        self.doubtSelf(at: now)
        let table = self.table
        while !self.probe.isFull, let id = self.probeOrder.nextUrgent(where: table.isPresent) {
            self.beginProbe(of: id, inDoubt: true, at: now)
        }
        guard now >= self.nextProbe else { return }
        self.nextProbe = now.advanced(by: self.configuration.probeInterval * self.health.multiplier)
        if !self.probe.isFull, let id = self.turn() {
            self.beginProbe(of: id, inDoubt: false, at: now)
        }
    }

    /// Whose turn it is: every other time the neighbour on the ring of identities, so that each
    /// member has an observer that looks at it often however large the fleet, and in between one
    /// after the other of all.
    ///
    /// Source: fixed observers after Rapid (Suresh et al. 2018, section 4.1), one instead of ten.
    private mutating func turn() -> NodeID? {
        defer { self.isRingTurn.toggle() }
        if self.reach.isWithdrawn, self.table.presentCount == 0 {
            // All have withdrawn: they look at each other, or none would ever see that it is well.
            let others = self.withdrawnMembers
            return others.isEmpty ? nil : others[self.generator.next(below: others.count)]
        }
        if self.isRingTurn, self.configuration.mechanisms.contains(.neighbours),
            let neighbour = self.table.successor(of: self.local.id)
        {
            return neighbour
        }
        let table = self.table
        return self.probeOrder.next(using: &self.generator, where: table.isPresent)
    }

    private var withdrawnMembers: [NodeID] {
        self.table.failed.filter { self.table[$0]?.signed.record.isWithdrawn == true }
    }

    private mutating func beginProbe(of id: NodeID, inDoubt: Bool, at now: MonotonicInstant) {
        guard let target = self.table[id], !self.probe.isProbing(id) else { return }
        let interval = self.configuration.probeInterval * self.health.multiplier
        let measured = self.table.timeout(of: id, self.configuration) * self.health.multiplier
        let timeout = min(measured, interval * 2 / 5)
        self.sequence &+= 1
        self.counters.probes += 1
        self.probe.begin(
            target: id,
            sequence: self.sequence,
            timeout: timeout,
            verdict: max(timeout * 5 / 2, interval * 3 / 5),
            at: now
        )
        self.sendPing(self.sequence, to: target, inDoubt: inDoubt, at: now)
    }

    /// Looks at some more members at once, of those that were not heard for a while: who dies
    /// rarely dies alone.
    ///
    /// While probes go on failing this spreads until everybody silent is known, instead of one
    /// member per turn; answers end it. A member that comes and goes is no sign that others have died: where
    /// a quarter of all did, everybody would go on looking at everybody.
    private mutating func doubt(_ count: Int, after silent: NodeID, at now: MonotonicInstant) {
        guard self.configuration.mechanisms.contains(.concurrentProbes),
            !self.comesAndGoes(silent, at: now)
        else { return }
        let recent = now.advanced(by: .zero - self.configuration.probeInterval)
        var chosen = 0
        for member in self.table.pick(4 * count, using: &self.generator) where chosen < count {
            guard !self.table.hasHeard(member.id, since: recent) else { continue }
            self.probeOrder.hasten(member.id)
            chosen += 1
        }
    }

    /// Whether a member has refuted a suspicion just now, or more than one not long ago; a single one is
    /// what a stall causes, too.
    func comesAndGoes(_ id: NodeID, at now: MonotonicInstant) -> Bool {
        let moment = self.configuration.probeInterval * Self.intervalsOfDoubt
        return self.table.hasRefuted(id, since: now.advanced(by: .zero - moment))
            || self.table.hasRefutedTwice(id, since: self.beginOfMemory(at: now))
    }

    /// Since when refuted suspicions and late answers count.
    private func beginOfMemory(at now: MonotonicInstant) -> MonotonicInstant {
        now.advanced(by: .zero - self.configuration.probeInterval * Self.intervalsOfMemory)
    }

    private static let intervalsOfMemory = 120
    private static let intervalsOfDoubt = 20

    /// Whether this node looks at more members when its own pings are lost.
    private var doubtsSelf: Bool {
        self.configuration.mechanisms.contains(.withdrawal)
            && self.table.presentCount + 1 >= OwnReach.leastMembers
    }

    /// When this node looks at one more member to see whether the fault is its own; `nil` while its pings
    /// get through.
    var nextOwnDoubt: MonotonicInstant? { self.doubtsSelf ? self.reach.turn : nil }

    /// Looks at one more member, whether it was heard or not, to see whether the fault is this node's.
    ///
    /// Four times per interval, however slow its bad health has made it: a probe per turn would take
    /// too long, and most so where all members are heard all the time, as in a small mesh. That is done for
    /// some intervals only: then it is known, or the fault is not this node's.
    private mutating func doubtSelf(at now: MonotonicInstant) {
        guard self.doubtsSelf,
            self.reach.takeTurn(self.configuration.probeInterval, at: now),
            self.ownDoubts.take(at: now)
        else { return }
        for member in self.table.pick(1, using: &self.generator) {
            self.probeOrder.hasten(member.id)
        }
    }

    /// Takes in an ack, of this node's own probe or of one it relays.
    mutating func acknowledged(
        sequence: UInt32,
        from sender: NodeID,
        measured: Bool,
        at now: MonotonicInstant
    ) {
        if let errand = self.relays.complete(sequence: sequence, from: sender) {
            self.answer(.ack(sequence: errand.askerSequence), to: errand.asker, at: now)
        }
        guard
            let confirmation = self.probe.acknowledge(
                sequence: sequence,
                from: sender,
                measured: measured,
                at: now
            )
        else { return }
        self.noteReach(confirmation.isByRelay ? .relayed : .answered, at: now)
        if confirmation.isLate { self.table.noteLate(confirmation.target, at: now) }
        self.health.worsen(by: -1)
        self.counters.probesAnswered += 1
        self.note(confirmation.target, succeeded: true)
        if let roundTrip = confirmation.roundTrip {
            self.table.sample(roundTrip, of: confirmation.target)
            if let smoothed = self.table[confirmation.target]?.roundTrip {
                self.pending.append(.measured(confirmation.target, smoothed))
            }
        }
    }

    /// Pings a member on behalf of another; only members this node knows, at its own address.
    mutating func relay(
        askerSequence: UInt32,
        target id: NodeID,
        to asker: Endpoint,
        at now: MonotonicInstant
    ) {
        guard let target = self.table[id] else { return }
        self.sequence &+= 1
        let wait = min(
            self.table.timeout(of: id, self.configuration) * self.health.multiplier,
            self.configuration.probeInterval / 2
        )
        let errand = RelayTable.Errand(
            sequence: self.sequence,
            target: id,
            asker: asker,
            askerSequence: askerSequence,
            deadline: now.advanced(by: wait)
        )
        guard self.relays.insert(errand) else {
            self.counters.relaysDropped += 1
            return
        }
        self.sendPing(self.sequence, to: target, inDoubt: true, at: now)
    }

    /// Tells askers whose target did not answer that at least this relay lives.
    mutating func answerForRelays(at now: MonotonicInstant) {
        for errand in self.relays.expire(at: now) {
            self.answer(.nack(sequence: errand.askerSequence), to: errand.asker, at: now)
        }
    }

    /// Answers an asker of a relay, without news: anybody may have asked from its address.
    private mutating func answer(
        _ kind: MembershipMessage.Kind,
        to asker: Endpoint,
        at now: MonotonicInstant
    ) {
        self.send(kind, carriesNews: false, to: asker, at: now)
    }

    /// Declares failed whoever did not refute in time.
    mutating func concludeSuspicions(at now: MonotonicInstant) {
        let due = self.suspicions.due(self.circumstances, at: now)
        if !due.isEmpty, self.abstains(at: now) {
            return self.suspicions.postpone(by: self.configuration.probeInterval)
        }
        for id in due {
            guard let member = self.table[id] else {
                self.suspicions.end(id)
                continue
            }
            let first = self.suspicions.charges(against: id).first
            // Who was told of an old failure does not make it a new one.
            let since = self.suspicions.isDeclared(id) ? first.map { self.since($0) } : nil
            let verdict = Accusation(
                subject: id,
                incarnation: member.incarnation,
                verdict: .failed,
                accuser: self.local.id,
                evidence: first?.accusation.evidence ?? Accusation.Evidence(),
                age: since?.age(at: now) ?? 0
            )
            self.bury(member, verdict, at: now)
        }
        self.dropSurplus(at: now)
    }

    /// When what is said began.
    private func since(_ charge: Charge) -> MonotonicInstant {
        let lifetime = self.configuration.tombstoneLifetime
        return charge.heard.before(age: charge.accusation.age, atMost: lifetime)
    }

    /// A suspect is told so first, that it may refute: Lifeguard's buddy system.
    private mutating func sendPing(
        _ sequence: UInt32,
        to target: Member,
        inDoubt: Bool,
        at now: MonotonicInstant
    ) {
        let kind = MembershipMessage.Kind.ping(sequence: sequence, target: target.id)
        let tellsFirst = self.configuration.mechanisms.contains(.buddy)
        let first =
            tellsFirst && target.state == .suspect ? self.charges(against: target, at: now) : []
        let isTrusted = target.state == .alive && !inDoubt
        let address = target.profile.address
        self.send(kind, first: first, carriesNews: isTrusted, to: address, at: now)
    }

    private mutating func widen(_ id: NodeID, _ sequence: UInt32, at now: MonotonicInstant) {
        guard let target = self.table[id] else { return }
        let address = target.profile.address
        let relays = self.table.pick(
            self.configuration.relayCount,
            except: id,
            using: &self.generator
        )
        self.probe.asked(relays.map(\.id), for: sequence)
        for relay in relays {
            self.send(
                .pingRequest(sequence: sequence, target: id, endpoint: address),
                to: relay.profile.address,
                at: now
            )
        }
        self.pending.append(.probeByStream(id, address, sequence: sequence))
    }

    /// Takes in that nobody reached a member.
    ///
    /// A relay that kept silent tells of this node's own trouble only if it lives, or if nobody at
    /// all was heard for a while: dead relays must not make this node patient.
    private mutating func missed(_ failure: ProbeRound.Failure, at now: MonotonicInstant) {
        let (id, silent) = (failure.target, failure.silent)
        let before = failure.began.advanced(by: .zero - self.configuration.probeInterval)
        let isDeaf = self.table.lastHeard.map { $0 < before } ?? true
        let table = self.table
        let missedWords = silent.count { table.hasHeard($0, since: failure.began) }
        // Without that refinement, as in the paper: every failure counts.
        let countsAll = isDeaf || !self.configuration.mechanisms.contains(.concurrentProbes)
        self.health.worsen(by: countsAll ? max(1, silent.count) : missedWords)
        self.counters.probesFailed += 1
        guard let target = self.table[id], target.state.isPresent else { return }
        self.note(id, succeeded: false)
        guard !self.abstains(at: now), !(isDeaf && self.isDeafForNow(at: now)) else { return }
        let accusation = Accusation(
            subject: id,
            incarnation: target.incarnation,
            verdict: .suspect,
            accuser: self.local.id,
            evidence: failure.evidence
        )
        self.merge(.accusation(accusation), source: .own, at: now)
    }

    /// Whether this node accuses nobody, since it is hard to reach itself.
    ///
    /// One that has heard nobody for longer than that could explain has to go on alone.
    private func abstains(at now: MonotonicInstant) -> Bool {
        guard self.reach.abstains else { return false }
        guard let heard = self.table.lastHeard else { return true }
        return heard.duration(to: now) < self.configuration.isolationHold
    }

    /// Whether this node, in a larger mesh, has not heard anybody for a while that its isolation could
    /// explain: it accuses nobody then, since its word may well be heard.
    private func isDeafForNow(at now: MonotonicInstant) -> Bool {
        guard self.configuration.mechanisms.contains(.withdrawal),
            self.table.presentCount + 1 >= OwnReach.leastMembers, let heard = self.table.lastHeard
        else { return false }
        return heard.duration(to: now) < self.configuration.isolationHold
    }

    /// Takes in how a ping ended, and withdraws or comes back when that says so.
    private mutating func noteReach(_ outcome: OwnReach.Outcome, at now: MonotonicInstant) {
        guard self.configuration.mechanisms.contains(.withdrawal) else { return }
        self.reach.note(outcome)
        let change = self.reach.consider(
            lastHeard: self.table.lastHeard,
            interval: self.configuration.probeInterval,
            others: self.table.presentCount,
            withdrawn: self.reach.isWithdrawn ? self.withdrawnMembers.count : 0,
            at: now
        )
        guard let change else { return }
        let isWithdrawn = change == .withdraw
        if isWithdrawn { self.counters.withdrawals += 1 }
        self.speak(incarnation: self.local.incarnation + 1, isWithdrawn: isWithdrawn)
        self.pending.append(.event(isWithdrawn ? .withdrew : .resumed))
    }

    private mutating func note(_ id: NodeID, succeeded: Bool) {
        guard self.configuration.mechanisms.contains(.isolation) else { return }
        let before = self.isolation.isIsolated
        self.isolation.note(id, succeeded: succeeded)
        guard self.isolation.isIsolated != before else { return }
        self.pending.append(.event(before ? .connected : .isolated))
    }
}
