internal import MeshDissemination
public import MeshPrimitives

/// What others say of this node itself.
extension Membership {
    /// Anything that is said against this node at its present incarnation is refuted.
    mutating func hear(_ accusation: Accusation, at now: MonotonicInstant) {
        guard self.phase == .running, accusation.incarnation == self.local.incarnation,
            !self.reach.isWithdrawn
        else { return }
        if accusation.verdict < .expelled { self.health.worsen(by: 1) }
        self.counters.refutations += 1
        self.speak(incarnation: self.local.incarnation + 1)
        self.pending.append(.event(.refuted(incarnation: self.local.incarnation)))
    }

    /// Takes in a record of this node's own identity, which an earlier start or a twin has signed.
    mutating func hearOwn(_ signed: SignedRecord, at now: MonotonicInstant) {
        let own = self.local.signed.record
        let foreign = signed.record
        guard self.phase == .running, foreign.start != own.start,
            TwinWatch.concerns(foreign, own: own), signed.isGenuine(self.identity.verify)
        else { return }
        switch self.twin.judge(foreign, own: own) {
        case .stale: return
        case .older:
            self.pass(foreign, at: now)
            self.pending.append(
                .event(.outlived(other: foreign.profile.address, boot: foreign.start.boot))
            )
        case .junior:
            self.pass(foreign, at: now)
            self.pending.append(
                .event(.twin(other: foreign.profile.address, hasYielded: false))
            )
        case .senior:
            self.phase = .yielded
            self.silencer = foreign.profile.address
            self.pending.append(
                .event(.twin(other: foreign.profile.address, hasYielded: true))
            )
        }
    }

    /// Says that this node, which is at that member's address, is another one: it was set up anew.
    mutating func denyBeing(
        _ target: NodeID,
        _ sequence: UInt32,
        to source: Endpoint,
        at now: MonotonicInstant
    ) {
        self.send(
            .nack(sequence: sequence),
            first: [.record(self.local.signed)],
            carriesNews: false,
            to: source,
            at: now
        )
    }

    /// Drops a member in whose place, under its name, another identity answers its ping.
    ///
    /// The newcomer's word alone would not do: whoever holds the ring can claim any name and address,
    /// but only who is there gets the ping, and only who sends from there can answer it. Numbers of pings
    /// can be foreseen, so this does not hold against somebody who can also send from that address.
    mutating func considerReplaced(
        _ sequence: UInt32,
        by newcomer: NodeID,
        at source: Endpoint,
        _ now: MonotonicInstant
    ) {
        guard let id = self.probe.target(of: sequence), id != newcomer, let old = self.table[id],
            let new = self.table[newcomer], new.state.isPresent, source == old.profile.address,
            source == new.profile.address, old.profile.name == new.profile.name
        else { return }
        self.probe.end(sequence: sequence)
        self.drop(old, at: now)
    }

    /// Counts on past a start of this identity, to where it cannot have been, and tells peers.
    private mutating func pass(_ foreign: MemberRecord, at now: MonotonicInstant) {
        let boot = MemberStart.boot(of: foreign.incarnation) + 1
        let next = MemberStart(boot: boot, token: 0).firstIncarnation
        self.speak(incarnation: max(next, foreign.incarnation + 1))
        self.twin.pass(foreign.start, by: self.local.incarnation)
        self.pending.append(.persistBoot(boot))
        // Peers may refuse this start's datagrams until they have its record.
        for peer in self.table.pick(3, using: &self.generator) {
            self.pending.append(.stream(self.sync(.sync, at: now), to: peer.profile.address))
        }
    }

    /// Signs a new record of this node and tells everybody.
    mutating func speak(
        incarnation: UInt64,
        hasLeft: Bool = false,
        isWithdrawn: Bool? = nil,
        mode: NodeMode? = nil,
        ring: RingInventory? = nil,
        mesh: MeshID? = nil
    ) {
        var record = self.local.signed.record
        record.mesh = mesh ?? record.mesh
        record.ring = ring ?? record.ring
        record.incarnation = min(incarnation, MemberRecord.incarnationLimit)
        record.hasLeft = hasLeft
        record.isWithdrawn = isWithdrawn ?? record.isWithdrawn
        record.mode = mode ?? record.mode
        self.local.signed = SignedRecord(record, signing: self.identity.sign)
        // Joining is no news that anybody waits for: where all join at once, a word that is spent on the first
        // few who are known is heard by nobody else.
        self.announceSelf(mesh == nil ? .urgent : .normal)
    }

    /// Tells everybody that this node holds other keys of the ring now.
    public mutating func setRing(_ ring: RingInventory, at now: MonotonicInstant) -> [Effect] {
        guard self.local.signed.record.ring != ring, self.phase == .running else {
            return self.finish(at: now)
        }
        self.speak(incarnation: self.local.incarnation + 1, ring: ring)
        return self.finish(at: now)
    }

    /// Says whether this node takes traffic; told with its record, so that nobody else can say it.
    public mutating func setMode(_ mode: NodeMode, at now: MonotonicInstant) -> [Effect] {
        guard self.local.signed.record.mode != mode else { return self.finish(at: now) }
        switch self.phase {
        case .idle, .running: self.speak(incarnation: self.local.incarnation + 1, mode: mode)
        case .leaving, .gone, .yielded: break
        }
        return self.finish(at: now)
    }

    /// Tells everybody this node's current word about itself: an urgent one before all other news and with
    /// or without bytes left, since whoever floods this node must not keep it from refuting.
    mutating func announceSelf(_ urgency: BroadcastUrgency = .normal) {
        self.broadcasts.insert(.record(self.local.signed), urgency: urgency)
    }

    /// Declares a member gone that cannot say goodbye itself, or takes one that is gone off the list,
    /// on an operator's word; every node does the same, and the member may refute it.
    ///
    /// - Parameters:
    ///   - id: a member that is failed or has left; of one that is present nothing changes.
    ///   - verdict: ``Accusation/Verdict/expelled`` or ``Accusation/Verdict/forgotten``.
    ///   - now: the current moment.
    /// - Returns: what to do next.
    public mutating func dismiss(
        _ id: NodeID,
        _ verdict: Accusation.Verdict,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard self.phase == .running, verdict >= .expelled, let member = self.table[id],
            !member.state.isPresent
        else { return self.finish(at: now) }
        let accusation = Accusation(
            subject: id,
            incarnation: member.incarnation,
            verdict: verdict,
            accuser: self.local.id,
            evidence: Accusation.Evidence(isByOperator: true)
        )
        self.merge(.accusation(accusation), source: .own, at: now)
        return self.finish(at: now)
    }
}
