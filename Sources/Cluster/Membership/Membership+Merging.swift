internal import MeshDissemination
public import MeshPrimitives

/// What this node believes of what it is told.
extension Membership {
    /// Where a claim comes from.
    enum Source: Equatable {
        /// This node's own probes.
        case own
        /// A peer, by datagram or stream.
        case peer(NodeID)
    }

    /// Drops a failed or left member now instead of when its tombstone expires.
    ///
    /// This node alone forgets; peers keep their tombstones. Members that are present stay.
    public mutating func forget(_ id: NodeID, at now: MonotonicInstant) -> [Effect] {
        if let member = self.table[id], !member.state.isPresent { self.drop(member, at: now) }
        return self.finish(at: now)
    }

    /// Believes a claim if it is newer, or stronger at the same incarnation.
    mutating func merge(_ update: MemberUpdate, source: Source, at now: MonotonicInstant) {
        guard update.isWithinLimits else { return }
        guard update.profile.id != self.local.id else { return self.hear(update, at: now) }
        guard !self.forgotten.covers(update) else { return }
        guard let member = self.table[update.profile.id] else {
            return self.meet(update, source: source, at: now)
        }
        if (update.incarnation, update.state.rawValue)
            > (member.incarnation, member.state.rawValue)
        {
            self.change(member, to: self.tempered(update, about: member), at: now)
        } else if update.state == .suspect, member.state == .suspect,
            update.incarnation == member.incarnation
        {
            if self.suspicions.confirm(member.id, accuser: update.reporter) {
                self.broadcasts.insert(update)
            }
            self.considerLooking(at: member.id)
        }
    }

    /// Others' verdict on a member this node thinks alive is a suspicion here, so that the member
    /// can refute it; only the member itself can say that it left.
    private func tempered(_ update: MemberUpdate, about member: Member) -> MemberUpdate {
        var update = update
        if update.state == .left, update.reporter != member.id { update.state = .failed }
        if update.state == .failed, member.state == .alive { update.state = .suspect }
        return update
    }

    /// Sets a member's state to what is claimed and passes it on.
    mutating func change(_ member: Member, to update: MemberUpdate, at now: MonotonicInstant) {
        var changed = member
        if update.incarnation > member.incarnation { changed.profile = update.profile }
        changed.incarnation = update.incarnation
        changed.state = update.state
        if update.state != member.state { changed.since = now }
        guard self.table.store(changed) else { return }
        self.suspicions.end(member.id)
        if update.state == .suspect { self.beginSuspicion(update, at: now) }
        if update.state.isPresent, !member.state.isPresent {
            self.probeOrder.insert(member.id, using: &self.generator)
        }
        self.broadcasts.insert(update)
        self.pending.append(
            .event(.changed(self.member(member.id) ?? changed, from: member.state))
        )
        if !update.state.isPresent {
            self.replaceIfNameIsTaken(changed, at: now)
        } else if !member.state.isPresent {
            for old in self.namesakes(of: changed.profile) where !old.state.isPresent {
                if old.id != self.local.id { self.drop(old, at: now) }
            }
        }
        if member.state.isPresent != update.state.isPresent
            || member.profile.address != changed.profile.address
        {
            self.aimReconnection(at: now)
        }
    }

    private mutating func beginSuspicion(_ update: MemberUpdate, at now: MonotonicInstant) {
        let id = update.profile.id
        self.suspicions.begin(
            id,
            accuser: update.reporter,
            isUnproven: !self.table.isProven(id),
            at: now
        )
        self.considerLooking(at: id)
    }

    /// Looks at a suspect too, by chance, each time an accusation is heard that needs confirmation.
    ///
    /// Eight members on average for each round of the news, until two have confirmed: enough to
    /// confirm, and no storm of pings in a large fleet.
    private mutating func considerLooking(at id: NodeID) {
        guard self.suspicions.isOpen(id),
            !self.suspicions.accusers(of: id).contains(self.local.id)
        else { return }
        let share = 8 / Double(max(1, self.table.alive.count))
        if self.generator.nextUnit() < share { self.probeOrder.hasten(id) }
    }

    /// Takes in a member that is not in the table.
    private mutating func meet(
        _ update: MemberUpdate,
        source: Source,
        at now: MonotonicInstant
    ) {
        let isPresent = update.state.isPresent
        let namesakes = self.namesakes(of: update.profile)
        guard isPresent || !namesakes.contains(where: \.state.isPresent) else { return }
        // Only a member's own word replaces a present one of its name at its address: others may
        // speak of an identity that was itself replaced. Of those both stay until one fails.
        let isOwnWord = source == .peer(update.profile.id)
        let rivals = namesakes.filter { rival in
            rival.state.isPresent && !(isOwnWord && rival.isReplaced(by: update.profile))
        }
        if let rival = rivals.first(where: { !$0.isReplaced(by: update.profile) }) {
            self.pending.append(.event(self.conflict(update.profile, with: rival)))
            // Whoever asks for admission itself is refused; one that others admitted is kept, so
            // that all views stay equal.
            if isOwnWord { return }
        }
        let member = Member(
            profile: update.profile,
            incarnation: update.incarnation,
            state: update.state,
            since: now
        )
        guard self.table.store(member) else { return }
        self.forgotten.remove(member.id)
        if isPresent {
            self.probeOrder.insert(member.id, using: &self.generator)
            self.broadcasts.insert(update)
        }
        if update.state == .suspect { self.beginSuspicion(update, at: now) }
        self.pending.append(.event(.joined(self.member(member.id) ?? member)))
        if isPresent {
            for old in namesakes where !rivals.contains(old) && old.id != self.local.id {
                self.drop(old, at: now)
            }
        }
        self.aimReconnection(at: now)
    }

    /// Members of the same name, this node included.
    func namesakes(of profile: MemberProfile) -> [Member] {
        let others = self.table.named(profile.name).filter { $0.id != profile.id }
        return self.local.profile.name == profile.name ? [self.local] + others : others
    }

    func conflict(_ newcomer: MemberProfile, with holder: Member) -> MembershipEvent {
        .nameConflict(name: newcomer.name, holder: holder.id, refused: newcomer.id)
    }

    /// A member that is gone makes way for a present one of its name.
    private mutating func replaceIfNameIsTaken(_ member: Member, at now: MonotonicInstant) {
        let successors = self.namesakes(of: member.profile).filter(\.state.isPresent)
        if !successors.isEmpty { self.drop(member, at: now) }
    }

    /// Forgets a member for good.
    mutating func drop(_ member: Member, at now: MonotonicInstant) {
        self.table.remove(member.id)
        self.suspicions.end(member.id)
        self.broadcasts.remove(member.id)
        self.forgotten.insert(member.id, incarnation: member.incarnation)
        self.pending.append(.event(.removed(member.id)))
        self.aimReconnection(at: now)
    }

    /// Drops members whose tombstones have expired.
    mutating func reap(at now: MonotonicInstant) {
        for member in self.table.members where !member.state.isPresent {
            let age = member.since.duration(to: now)
            if age >= self.configuration.tombstoneLifetime { self.drop(member, at: now) }
        }
    }

    /// What others say about this node: anything but "alive as you said" is refuted.
    private mutating func hear(_ update: MemberUpdate, at now: MonotonicInstant) {
        guard self.phase == .running, update.incarnation >= self.local.incarnation else { return }
        let isOwnWord =
            update.state == .alive && update.incarnation == self.local.incarnation
            && update.profile == self.local.profile
        guard !isOwnWord else { return }
        if update.state == .suspect || update.state == .failed { self.health.worsen(by: 1) }
        self.local.incarnation = min(update.incarnation + 1, MemberUpdate.incarnationLimit)
        self.announceSelf()
        self.pending.append(.event(.refuted(incarnation: self.local.incarnation)))
    }

    /// Tells everybody this node's current word about itself.
    mutating func announceSelf() { self.broadcasts.insert(self.claim(self.local)) }

    /// What this node claims about a member.
    func claim(_ member: Member) -> MemberUpdate {
        let reporter: NodeID =
            switch member.state {
            case .suspect: self.suspicions.accusers(of: member.id).first ?? self.local.id
            case .left: member.id
            case .alive, .failed: self.local.id
            }
        return MemberUpdate(
            profile: member.profile,
            incarnation: member.incarnation,
            state: member.state,
            reporter: reporter
        )
    }
}

extension Member {
    /// Whether `newcomer` is this member's node set up anew: same name at the same address.
    fileprivate func isReplaced(by newcomer: MemberProfile) -> Bool {
        self.profile.address == newcomer.address
    }
}
