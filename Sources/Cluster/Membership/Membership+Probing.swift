public import MeshPrimitives

/// Failure detection: this node's own probes, and those it relays for others.
extension Membership {
    /// The message that ``Effect/probeByStream(_:_:sequence:)`` asks to send.
    public func streamPing(sequence: UInt32, target: NodeID) -> MembershipMessage {
        self.message(.ping(sequence: sequence, target: target), updates: [])
    }

    /// Reports how a probe by stream ended.
    public mutating func streamProbeFinished(
        sequence: UInt32,
        succeeded: Bool,
        at now: MonotonicInstant
    ) -> [Effect] {
        self.forgiveOwnStall(at: now)
        guard self.phase == .running, succeeded, let target = self.probe.target else {
            return self.finish(at: now)
        }
        self.acknowledged(sequence: sequence, from: target, measured: false, at: now)
        return self.finish(at: now)
    }

    /// Moves the probe in flight on and starts the next one when it is time.
    mutating func probeMembers(at now: MonotonicInstant) {
        switch self.probe.step(at: now) {
        case .widen(let target, let sequence): self.widen(target, sequence)
        case .failed(let target, let silentRelays): self.missed(target, silentRelays, at: now)
        case nil: break
        }
        guard now >= self.nextProbe else { return }
        let interval = self.configuration.probeInterval * self.health.multiplier
        self.nextProbe = now.advanced(by: interval)
        let table = self.table
        guard self.probe.isIdle,
            let id = self.probeOrder.next(using: &self.generator, where: table.isPresent),
            let target = self.table[id]
        else { return }
        let timeout = self.table.timeout(of: id, self.configuration) * self.health.multiplier
        self.sequence &+= 1
        self.probe.begin(
            target: id,
            sequence: self.sequence,
            timeout: min(timeout, interval / 2),
            interval: interval,
            at: now
        )
        self.sendPing(self.sequence, to: target)
    }

    /// Takes in an ack, of this node's own probe or of one it relays.
    mutating func acknowledged(
        sequence: UInt32,
        from sender: NodeID,
        measured: Bool,
        at now: MonotonicInstant
    ) {
        if let errand = self.relays.complete(sequence: sequence, from: sender) {
            self.send(.ack(sequence: errand.askerSequence), to: errand.asker)
        }
        guard
            let confirmation = self.probe.acknowledge(
                sequence: sequence,
                from: sender,
                measured: measured,
                at: now
            )
        else { return }
        self.health.worsen(by: -1)
        self.note(confirmation.target, succeeded: true)
        if let roundTrip = confirmation.roundTrip {
            self.table.sample(roundTrip, of: confirmation.target)
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
        if self.relays.insert(errand) { self.sendPing(self.sequence, to: target) }
    }

    /// Tells askers whose target did not answer that at least this relay lives.
    mutating func answerForRelays(at now: MonotonicInstant) {
        for errand in self.relays.expire(at: now) {
            self.send(.nack(sequence: errand.askerSequence), to: errand.asker)
        }
    }

    /// Declares failed whoever did not refute in time.
    mutating func concludeSuspicions(at now: MonotonicInstant) {
        for id in self.suspicions.expire(holding: self.isolationHold, at: now) {
            guard let member = self.table[id] else { continue }
            self.change(
                member,
                to: MemberUpdate(
                    profile: member.profile,
                    incarnation: member.incarnation,
                    state: .failed,
                    reporter: self.local.id
                ),
                at: now
            )
        }
    }

    /// A suspect is told so first, that it may refute: Lifeguard's buddy system.
    private mutating func sendPing(_ sequence: UInt32, to target: Member) {
        let kind = MembershipMessage.Kind.ping(sequence: sequence, target: target.id)
        let first = target.state == .suspect ? [self.claim(target)] : []
        self.send(kind, first: first, to: target.profile.address)
    }

    private mutating func widen(_ id: NodeID, _ sequence: UInt32) {
        guard let target = self.table[id] else { return }
        let address = target.profile.address
        let relays = self.table.pick(
            self.configuration.relayCount,
            except: id,
            using: &self.generator
        )
        self.probe.asked(relays.map(\.id))
        for relay in relays {
            self.send(
                .pingRequest(sequence: sequence, target: id, endpoint: address),
                to: relay.profile.address
            )
        }
        self.pending.append(.probeByStream(id, address, sequence: sequence))
    }

    private mutating func missed(_ id: NodeID, _ silentRelays: Int?, at now: MonotonicInstant) {
        self.health.worsen(by: silentRelays ?? 1)
        guard let target = self.table[id], target.state.isPresent else { return }
        self.note(id, succeeded: false)
        let accusation = MemberUpdate(
            profile: target.profile,
            incarnation: target.incarnation,
            state: .suspect,
            reporter: self.local.id
        )
        self.merge(accusation, source: .own, at: now)
    }

    private mutating func note(_ id: NodeID, succeeded: Bool) {
        let before = self.isolation.isIsolated
        self.isolation.note(id, succeeded: succeeded)
        guard self.isolation.isIsolated != before else { return }
        self.pending.append(.event(before ? .connected : .isolated))
    }
}
