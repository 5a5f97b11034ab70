internal import MeshDissemination
import MeshPrimitives

/// What this node believes of what it is told.
extension Membership {
    /// Where news comes from.
    enum Source: Equatable {
        /// This node's own probes.
        case own
        /// A peer, by datagram or stream.
        case peer(NodeID)
    }

    /// Believes all that a message says.
    mutating func mergeAll(_ message: MembershipMessage, at now: MonotonicInstant) {
        guard message.mesh.id == self.mesh.id else { return }
        let following = message.updates.dropFirst().map(Optional.some) + [nil]
        for (update, next) in zip(message.updates, following) {
            self.merge(update, before: next, source: .peer(message.sender), at: now)
        }
        self.dropSurplus(at: now)
    }

    /// Believes news if it is newer, or worse at the same incarnation.
    ///
    /// - Parameters:
    ///   - update: the news.
    ///   - next: what was said after it: the verdict on a member follows its record.
    ///   - source: where it comes from.
    ///   - now: the current moment.
    mutating func merge(
        _ update: MemberUpdate,
        before next: MemberUpdate? = nil,
        source: Source,
        at now: MonotonicInstant
    ) {
        switch update {
        case .record(let signed, let age):
            let verdict = self.oldVerdict(on: signed, in: next)
            self.merge(signed, age: age, verdict: verdict, source: source, at: now)
        case .accusation(let accusation):
            self.merge(accusation, source: source, at: now)
        }
    }

    /// Takes in what a member says of itself; a signature is checked only when it would count.
    private mutating func merge(
        _ signed: SignedRecord,
        age: UInt32,
        verdict: Accusation?,
        source: Source,
        at now: MonotonicInstant
    ) {
        let record = signed.record
        guard record.isWithinLimits else { return }
        guard signed.id != self.local.id else { return self.hearOwn(signed, at: now) }
        guard record.mesh == self.mesh.id else { return }
        // Who only made room comes back by its own word as it was, since nobody told it to say more.
        let isBack = source == .peer(signed.id) && self.forgotten.madeRoom(signed.id)
        guard isBack || !self.forgotten.covers(signed.id, incarnation: record.incarnation)
        else { return }
        let told = Member(
            signed,
            age: age,
            within: self.configuration.tombstoneLifetime,
            at: now
        )
        if !record.hasLeft { self.table.noteMet(signed.id, told.met) }
        guard let member = self.table[signed.id] else {
            guard self.isGenuine(signed) else { return }
            return self.meet(told, verdict: verdict, source: source, at: now)
        }
        let known = member.signed.record
        guard record.isNewer(than: known), self.isGenuine(signed) else { return }
        if record.profile.name != known.profile.name, !record.hasLeft,
            let holder = self.holder(against: record.profile, at: now)
        {
            // A member that was renamed to a name in use stays what it was.
            return self.pending.append(
                .event(.nameConflict(holder: holder.profile, refused: record.profile))
            )
        }
        var changed = member
        changed.signed = signed
        changed.charges = []
        changed.state = record.state
        changed.since = record.hasLeft ? told.since : now
        if changed.state == member.state { changed.since = member.since }
        self.countReturn(of: member, as: changed, at: now)
        let newsAge = record.hasLeft ? age : member.met.age(at: now)
        self.change(member, to: changed, news: .record(signed, age: newsAge), at: now)
    }

    /// A verdict on a member that is no news: it may have refuted it for long, and has not.
    ///
    /// That an operator declared it gone counts when this node has tried the member itself.
    private func oldVerdict(on signed: SignedRecord, in update: MemberUpdate?) -> Accusation? {
        guard case .accusation(var verdict) = update, verdict.subject == signed.id,
            verdict.incarnation == signed.record.incarnation,
            verdict.verdict == .failed || verdict.verdict == .expelled,
            self.isOld(verdict), self.isHeeded(verdict)
        else { return nil }
        verdict.verdict = .failed
        return verdict
    }

    private func isOld(_ accusation: Accusation) -> Bool {
        .seconds(Int64(accusation.age)) > self.configuration.gossipToFailed
    }

    /// Whether what somebody says counts: who is hard to reach itself knows nothing of others; what its
    /// operator decides stands.
    private func isHeeded(_ accusation: Accusation) -> Bool {
        accusation.verdict >= .expelled
            || self.table[accusation.accuser]?.signed.record.isWithdrawn != true
    }

    /// Whether this node took a member for failed on the word of others, just now, without having tried
    /// it.
    private func isUntried(_ member: Member, at now: MonotonicInstant) -> Bool {
        guard member.state == .failed, let charge = member.charges.last else { return false }
        return self.isOld(charge.accusation)
            && charge.heard.duration(to: now) <= self.configuration.gossipToFailed
    }

    /// Takes in what somebody says of another.
    private mutating func merge(
        _ accusation: Accusation,
        source: Source,
        at now: MonotonicInstant
    ) {
        guard accusation.subject != self.local.id else { return self.hear(accusation, at: now) }
        guard self.isHeeded(accusation), let member = self.table[accusation.subject],
            member.incarnation == accusation.incarnation,
            source == .own || !self.isUntried(member, at: now)
        else { return }
        switch (accusation.verdict, member.state) {
        case (.suspect, .alive):
            self.suspect(member, accusation, at: now)
        case (.suspect, .suspect):
            if self.suspicions.confirm(accusation, at: now) {
                self.broadcasts.insert(.accusation(accusation))
            }
            self.considerLooking(at: member.id, now)
        case (.failed, .alive), (.expelled, .alive):
            // Others' verdict on a member this node thinks alive is a suspicion here first, so that
            // the member can refute it.
            var suspicion = accusation
            suspicion.verdict = .suspect
            self.suspect(member, suspicion, at: now)
            self.suspicions.declare(member.id)
            guard !self.configuration.mechanisms.contains(.questionedVerdicts),
                let suspect = self.table[member.id]
            else { return }
            self.bury(suspect, accusation, at: now)
        case (.failed, .suspect), (.expelled, .suspect):
            self.suspicions.declare(member.id)
            if self.suspicions.isDue(member.id, self.circumstances, at: now) {
                self.bury(member, accusation, at: now)
            }
        case (.expelled, .failed):
            self.bury(member, accusation, at: now)
        case (.forgotten, .failed), (.forgotten, .left):
            self.broadcasts.remove(member.id)
            self.drop(member, at: now)
            self.broadcasts.insert(.accusation(accusation))
        case (.suspect, _), (.failed, _), (.expelled, .left), (.forgotten, _):
            return
        }
    }

    /// Puts a member under suspicion.
    private mutating func suspect(
        _ member: Member,
        _ accusation: Accusation,
        at now: MonotonicInstant
    ) {
        var changed = member
        changed.state = .suspect
        changed.since = now
        self.counters.suspicions += 1
        self.suspicions.begin(
            accusation,
            isUnproven: !self.table.isProven(member.id),
            at: now
        )
        self.change(member, to: changed, news: .accusation(accusation), at: now)
        self.considerLooking(at: member.id, now)
    }

    /// Takes a member for failed, or for gone on an operator's word.
    mutating func bury(_ member: Member, _ accusation: Accusation, at now: MonotonicInstant) {
        var changed = self.withCharges(member)
        changed.charges = changed.charges.prefix(3) + [Charge(accusation, heard: now)]
        changed.state = accusation.verdict == .expelled ? .left : .failed
        changed.since = now.before(
            age: accusation.age,
            atMost: self.configuration.tombstoneLifetime
        )
        if changed.state == .failed { self.counters.failures += 1 }
        self.suspicions.end(member.id)
        // Who learns of an old one only now has just come: all others know, or find it by comparing views.
        let isOld = changed.since.duration(to: now) > self.configuration.gossipToFailed
        self.change(member, to: changed, news: isOld ? nil : .accusation(accusation), at: now)
    }

    /// Whether this node is one of about eight that tell a member of another start of its identity.
    private mutating func isToTellStart() -> Bool {
        self.generator.next(below: max(1, self.table.presentCount)) < 8
    }

    /// Sets how a member stands and passes on why.
    private mutating func change(
        _ member: Member,
        to changed: Member,
        news: MemberUpdate?,
        at now: MonotonicInstant
    ) {
        guard self.table.store(changed) else { return }
        if changed.state != .suspect { self.suspicions.end(member.id) }
        if changed.state.isPresent, !member.state.isPresent {
            self.probeOrder.insert(member.id, using: &self.generator)
        }
        if let news { self.broadcasts.insert(news) }
        let (old, new) = (member.signed.record.start, changed.signed.record.start)
        if old != new { self.pending.append(.proved(member.id, new)) }
        let isSameBoot =
            old.boot == new.boot && MemberStart.boot(of: changed.incarnation) == new.boot
        if old != new, isSameBoot, self.isToTellStart() {
            // Two starts of one number: the disk was set back. The later one has to count on past the
            // other, or what both have said is mixed up by who heard both.
            self.send(
                .gossip,
                first: [.record(member.signed)],
                carriesNews: false,
                to: changed.profile.address,
                at: now
            )
        }
        self.pending.append(
            .event(.changed(self.member(member.id) ?? changed, from: member.state))
        )
        if !changed.state.isPresent {
            self.mostPresent = max(self.mostPresent, self.table.presentCount + 1)
            self.replaceIfNameIsTaken(changed, at: now)
        } else if !member.state.isPresent {
            for old in self.namesakes(of: changed.profile) where !old.state.isPresent {
                if old.id != self.local.id { self.drop(old, at: now) }
            }
        }
        if member.state.isPresent != changed.state.isPresent
            || member.profile.address != changed.profile.address
        {
            self.reconnectionIsStale = true
        }
    }

    /// Looks at a suspect too, by chance, each time an accusation is heard that needs confirmation.
    ///
    /// Eight members on average for each round of the news, until two have confirmed: enough to
    /// confirm, and no storm of pings in a large fleet. Of a member that comes and goes the probes whose
    /// turn it is tell enough.
    private mutating func considerLooking(at id: NodeID, _ now: MonotonicInstant) {
        guard self.configuration.mechanisms.contains(.concurrentProbes),
            !self.comesAndGoes(id, at: now),
            self.suspicions.isOpen(id), !self.suspicions.isAccused(id, by: self.local.id)
        else { return }
        let share = 8 / Double(max(1, self.table.aliveCount))
        if self.generator.nextUnit() < share { self.probeOrder.hasten(id) }
    }

    /// Takes in a member that is not in the table; one that failed long ago as failed, not as one to be
    /// suspected.
    private mutating func meet(
        _ told: Member,
        verdict: Accusation?,
        source: Source,
        at now: MonotonicInstant
    ) {
        var member = told
        if let verdict, member.state.isPresent {
            let lifetime = self.configuration.tombstoneLifetime
            member.take(verdict, heard: now, within: lifetime, at: now)
        }
        let isPresent = member.state.isPresent
        let profile = member.profile
        let namesakes = self.namesakes(of: profile)
        // Who claims to be here under this node's name is not: it was this node before, or lies.
        let own = self.local.profile
        guard own.name != profile.name || own.address != profile.address else { return }
        guard isPresent || !namesakes.contains(where: \.state.isPresent) else { return }
        let isOwnWord = source == .peer(member.id)
        // Nobody's word replaces a present one: of two at one address whoever answers there stays.
        let rivals = namesakes.filter(\.state.isPresent)
        if isPresent, let holder = self.holder(against: profile, at: now) {
            // Whoever asks for admission itself is refused; one that others admitted is kept, so
            // that all views stay equal.
            if isOwnWord || holder.state.isPresent {
                self.pending.append(
                    .event(.nameConflict(holder: holder.profile, refused: profile))
                )
            }
            if isOwnWord {
                self.counters.namesRefused += 1
                return
            }
        }
        if isPresent, self.isFull, let first = self.table.firstTombstone {
            self.counters.tombstonesDropped += 1
            self.drop(first, at: now, isTold: false)
        }
        guard self.table.store(member) else {
            self.counters.membersRefused += 1
            return
        }
        self.forgotten.remove(member.id)
        self.pending.append(.proved(member.id, member.signed.record.start))
        if isPresent {
            self.probeOrder.insert(member.id, using: &self.generator)
            if !self.isBeingTold || isOwnWord {
                let news = MemberUpdate.record(member.signed, age: member.met.age(at: now))
                self.broadcasts.insert(news, isBulk: true)
            }
        }
        self.pending.append(.event(.joined(self.member(member.id) ?? member)))
        if isPresent {
            for old in namesakes where !rivals.contains(old) && old.id != self.local.id {
                self.drop(old, at: now)
            }
            for rival in rivals where rival.profile.address == profile.address {
                self.probeOrder.hasten(rival.id)
                self.probeOrder.hasten(member.id)
            }
        }
        self.reconnectionIsStale = true
    }

    private mutating func isGenuine(_ signed: SignedRecord) -> Bool {
        self.counters.recordsVerified += 1
        guard signed.isGenuine(self.identity.verify) else {
            self.counters.recordsForged += 1
            return false
        }
        return true
    }

    private mutating func countReturn(
        of member: Member,
        as changed: Member,
        at now: MonotonicInstant
    ) {
        let isSameStart = member.signed.record.start == changed.signed.record.start
        let wasWithdrawn = member.signed.record.isWithdrawn
        guard changed.state == .alive, isSameStart, !wasWithdrawn else { return }
        if member.state != .alive { self.table.noteRefutation(by: member.id, at: now) }
        switch member.state {
        case .suspect: self.counters.suspicionsRefuted += 1
        case .failed: self.counters.falseAlarms += 1
        case .alive, .left: break
        }
    }

    /// Members of the same name, this node included.
    func namesakes(of profile: MemberProfile) -> [Member] {
        let others = self.table.named(profile.name).filter { $0.id != profile.id }
        return self.local.profile.name == profile.name ? [self.local] + others : others
    }

    /// A member that is gone makes way for a present one of its name.
    private mutating func replaceIfNameIsTaken(_ member: Member, at now: MonotonicInstant) {
        let successors = self.namesakes(of: member.profile).filter(\.state.isPresent)
        if !successors.isEmpty { self.drop(member, at: now) }
    }

    /// Forgets a member for good; others are told that they shall, unless there is only no room for it.
    mutating func drop(_ member: Member, at now: MonotonicInstant, isTold: Bool = true) {
        self.table.remove(member.id)
        self.suspicions.end(member.id)
        self.broadcasts.remove(member.id)
        self.forgotten.insert(
            member.id,
            incarnation: member.incarnation,
            since: now,
            isTold: isTold
        )
        self.pending.append(.event(.removed(member.id, name: member.profile.name)))
        self.reconnectionIsStale = true
    }

    /// Tombstones kept at least, however small the mesh.
    package static let leastTombstones = 256

    /// Drops members whose tombstones have expired, and of too many those that are needed least.
    ///
    /// Where members live for minutes, tombstones of days would fill the table. Of twice the largest
    /// number of members that were there at once none is dropped, and of more those first that left
    /// or had lived shortest, so that a cut heals.
    mutating func reap(at now: MonotonicInstant) {
        let lifetime = self.configuration.tombstoneLifetime
        defer { self.forgotten.expire(lifetime, at: now) }
        guard self.table.count > self.table.presentCount else { return }
        for member in self.table.members where !member.state.isPresent {
            if member.since.duration(to: now) >= lifetime { self.drop(member, at: now) }
        }
        self.dropSurplus(at: now)
    }

    /// Drops those that are gone and more than are kept, as soon as they are: nodes that drop the same at
    /// the same time tell each other nothing of them.
    mutating func dropSurplus(at now: MonotonicInstant) {
        let most = max(self.mostPresent, self.table.presentCount + 1)
        let room = self.configuration.memberLimit - self.table.presentCount - Self.leastTombstones
        let limit = max(Self.leastTombstones, min(2 * most, room))
        let surplus = self.table.goneCount - limit
        guard surplus > 0 else { return }
        for member in self.table.tombstones.prefix(surplus) {
            self.counters.tombstonesDropped += 1
            self.drop(member, at: now, isTold: false)
        }
    }

    /// Everything this node can say of a member: its record, then what stands against it.
    func news(of member: Member, at now: MonotonicInstant) -> [MemberUpdate] {
        let moment = member.signed.record.hasLeft ? member.since : member.met
        return [.record(member.signed, age: moment.age(at: now))]
            + self.charges(against: member, at: now)
    }

    /// What stands against a member, with its age of now.
    func charges(against member: Member, at now: MonotonicInstant) -> [MemberUpdate] {
        switch member.state {
        case .alive: return []
        case .suspect:
            return self.suspicions.charges(against: member.id).map { .accusation($0.accusation) }
        case .failed, .left:
            guard var last = member.charges.last?.accusation else { return [] }
            last.age = member.since.age(at: now)
            return [.accusation(last)]
        }
    }
}
