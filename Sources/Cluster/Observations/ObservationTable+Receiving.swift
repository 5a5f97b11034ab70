internal import MeshDissemination
public import MeshPrimitives

/// What this node makes of what it is told.
extension ObservationTable {
    /// Datagrams of one answer when streams do not arrive.
    private static let answerDatagramLimit = 8
    /// Tries to get what is missed before it is left to chance.
    private static let tryLimit = 8
    /// How far another start of this identity may lie ahead and still be believed.
    private static let bootAdvanceLimit = UInt64(1) << 20

    /// Takes in a message; may be hostile.
    ///
    /// - Parameters:
    ///   - message: decoded, so every value in it is in its range.
    ///   - sender: who sent it, as proven by the seal.
    ///   - now: the current moment.
    /// - Returns: what to do next.
    public mutating func receive(
        _ message: ObservationMessage,
        from sender: NodeID,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard let peer = self.sampler[sender], sender != self.node else {
            self.counters.foreign += 1
            return []
        }
        var effects: [Effect] = []
        for delta in message.deltas {
            effects += self.take(delta, from: peer, flags: message.flags, at: now)
        }
        effects += self.compare(
            message.digest.prefix(ObservationMessage.listLimit),
            of: peer,
            at: now
        )
        let wants = message.wants.prefix(ObservationMessage.listLimit)
        effects += self.answer(wants, of: peer, flags: message.flags, at: now)
        if message.flags.contains(.greeting) { effects += self.welcome(peer, at: now) }
        return self.finish(effects, at: now)
    }

    private mutating func take(
        _ delta: ObservationDelta,
        from peer: Peer,
        flags: ObservationMessage.Flags,
        at now: MonotonicInstant
    ) -> [Effect] {
        let newest = ObservationVersion(boot: delta.boot, sequence: delta.newest)
        guard delta.owner != self.node else { return self.hear(newest, at: now) }
        if self.configuration.flaw == .ignoresRestarts,
            delta.boot > self.rows[delta.owner]?.log.boot ?? .max
        {
            return []
        }
        guard let home = self.sampler[delta.owner]?.region,
            home == peer.region || home != self.sampler.region
        else {
            self.counters.foreign += 1
            return []
        }
        guard self.isBelievable(newest, of: delta.owner) else {
            self.counters.foreign += 1
            return []
        }
        var row =
            self.rows.removeValue(forKey: delta.owner)
            ?? Row(log: ObservationLog(boot: delta.boot), receivedAt: now)
        let before = row.log.version
        let count = row.log.values.count
        let room = max(0, self.configuration.totalLimit - self.total)
        let outcome = row.log.merge(
            delta,
            limit: min(self.configuration.ownerLimit, count + room),
            isAnswer: flags.contains(.answer),
            flaw: self.configuration.flaw
        )
        let wasStale = row.isStale
        if outcome.hasAdvanced {
            row.receivedAt = now
            row.isStale = false
            self.nextExpiry = self.nextExpiry ?? self.expiry(of: row)
        }
        self.total += row.log.values.count - count
        self.rows[delta.owner] = row
        self.counters.overLimit += UInt64(outcome.refused)
        if outcome.hasGap { self.want(delta.owner, until: newest, from: peer.id, at: now) }
        guard outcome.hasAdvanced || !outcome.aspects.isEmpty else {
            self.counters.stale += 1
            if !outcome.hasGap, outcome.isCurrent { self.hearAgain(delta.owner) }
            return []
        }
        self.counters.accepted += 1
        let aspects = wasStale ? outcome.aspects.union([.votes, .regions]) : outcome.aspects
        if aspects.contains(.votes) { self.count(delta, isWhole: wasStale || delta.base == 0) }
        var effects: [Effect] = aspects.isEmpty ? [] : [.changed(delta.owner, aspects)]
        if outcome.hasAdvanced, !flags.contains(.answer) {
            effects += self.passOn(delta, after: before, outcome, from: peer, flags, at: now)
        }
        return effects
    }

    private mutating func passOn(
        _ delta: ObservationDelta,
        after before: ObservationVersion,
        _ outcome: ObservationLog.Outcome,
        from peer: Peer,
        _ flags: ObservationMessage.Flags,
        at now: MonotonicInstant
    ) -> [Effect] {
        let isSameStart = before.boot == delta.boot
        let base = isSameStart ? min(before.sequence, delta.base) : 0
        let isNear = self.sampler[delta.owner]?.region == self.sampler.region
        let hasVotes = outcome.aspects.contains(.votes)
        let isForAll = !outcome.aspects.isDisjoint(with: [.state, .regions])
        // Where all were told at once, what this one learns is no news to most.
        let isPressing = !self.tellsAll(isMesh: false) && delta.entries.contains { $0.isPressing }
        let votes: BroadcastUrgency = isPressing ? .urgent : .normal
        let rest: BroadcastUrgency = isForAll ? .urgent : .normal
        if isNear, hasVotes { self.queue(delta.owner, after: base, votes: true, votes) }
        if isForAll || !isNear || !hasVotes {
            let urgency = hasVotes && !isNear ? max(votes, rest) : rest
            self.queue(delta.owner, after: base, votes: false, urgency)
        }
        guard flags.contains(.relay), hasVotes || isForAll else { return [] }
        // Where words have cost too much, rounds bring it.
        guard isNear || isForAll || self.mayPassOn(at: now) else { return [] }
        let effects = self.spread(
            delta.owner,
            after: ObservationVersion(boot: delta.boot, sequence: base),
            // What a region thinks of targets comes to each other region by itself.
            isMesh: isForAll,
            except: peer.id,
            isRelayed: true,
            at: now
        )
        return isNear || isForAll ? effects : self.spent(effects, at: now)
    }

    /// Whether an owner would go on above a word that it did not say; what it would not, nobody takes in,
    /// or it could never be heard again.
    private func isBelievable(_ version: ObservationVersion, of owner: NodeID) -> Bool {
        let known = self.rows[owner]?.log.boot ?? version.boot
        return version.boot - min(version.boot, known) < Self.bootAdvanceLimit
            && version.sequence < ObservationVersion.limit / 2
    }

    /// Goes on above a word that others have of this node and that it did not say in this start.
    ///
    /// Its disk was copied or restored.
    private mutating func hear(_ version: ObservationVersion, at now: MonotonicInstant) -> [Effect]
    {
        guard version > self.own.version, self.configuration.flaw != .staysBelowItself else {
            return []
        }
        guard version.boot - min(version.boot, self.own.boot) < Self.bootAdvanceLimit,
            version.sequence < ObservationVersion.limit / 2
        else {
            self.counters.foreign += 1
            return []
        }
        self.counters.outranked += 1
        self.own.outrank(version)
        self.toldUpTo = self.own.head
        self.acrossBase = nil
        self.repeatBase = nil
        self.nextRepeat = nil
        self.queue(self.node, after: 0, votes: false, .urgent)
        return self.spread(self.node, after: .none, isMesh: true, except: nil, at: now)
    }

    /// Asks for what a peer has newer, and tells it what it has older.
    private mutating func compare(
        _ digest: ArraySlice<ObservationDigest>,
        of peer: Peer,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard self.configuration.flaw != .neverRepairs else { return [] }
        var effects: [Effect] = []
        var message = ObservationMessage()
        message.flags.insert(.answer)
        var room = self.configuration.datagramByteCount - message.wireByteCount
        for entry in digest where entry.owner != peer.id || entry.version > .none {
            if entry.owner == self.node, entry.version > self.own.version {
                effects += self.hear(entry.version, at: now)
                continue
            }
            let isMember = entry.owner == self.node || self.sampler[entry.owner] != nil
            guard isMember else { continue }
            let log = self.log(of: entry.owner)
            if entry.version > log?.version ?? .none {
                self.want(entry.owner, until: entry.version, from: peer.id, at: now)
            } else if let log, let scope = self.scope(of: entry.owner, towards: peer),
                log.content(in: scope) > entry.version,
                let delta = log.delta(
                    after: entry.version,
                    fitting: room,
                    of: entry.owner,
                    in: scope
                )
            {
                room -= delta.wireByteCount
                message.deltas.append(delta)
            }
        }
        guard !message.deltas.isEmpty else { return effects }
        return effects + [self.send(message, to: peer.id, at: now)].compactMap(\.self)
    }

    /// Answers wishes: by datagram when all fits one, else by stream or in pieces.
    private mutating func answer(
        _ wants: ArraySlice<ObservationDigest>,
        of peer: Peer,
        flags: ObservationMessage.Flags,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard !wants.isEmpty else { return [] }
        let isRest = flags.contains(.rest)
        let single = self.runs(
            wants,
            for: peer,
            fitting: self.configuration.datagramByteCount,
            isRest: isRest
        )
        if single.isComplete || flags.contains(.byDatagram) {
            var effects = [self.send(single.message, to: peer.id, at: now)].compactMap(\.self)
            var rest = single.rest
            for _ in 1..<Self.answerDatagramLimit where !rest.isEmpty {
                let next = self.runs(
                    rest[...],
                    for: peer,
                    fitting: self.configuration.datagramByteCount,
                    isRest: true
                )
                rest = next.rest
                effects += [self.send(next.message, to: peer.id, at: now)].compactMap(\.self)
            }
            return effects
        }
        let all = self.runs(
            wants,
            for: peer,
            fitting: self.configuration.streamByteCount,
            isRest: isRest
        )
        return [self.send(all.message, to: peer.id, by: .stream, at: now)].compactMap(\.self)
    }

    /// One message of what is wanted, and what of it did not fit.
    private func runs(
        _ wants: ArraySlice<ObservationDigest>,
        for peer: Peer,
        fitting byteCount: Int,
        isRest: Bool
    ) -> (message: ObservationMessage, rest: [ObservationDigest], isComplete: Bool) {
        var message = ObservationMessage()
        message.flags.insert(.answer)
        var room = byteCount - message.wireByteCount
        var rest: [ObservationDigest] = []
        var isComplete = true
        for want in wants {
            guard let log = self.log(of: want.owner), want.owner != peer.id,
                let scope = self.scope(of: want.owner, towards: peer), want.version < log.version
            else { continue }
            guard
                let delta = log.delta(
                    after: want.version,
                    fitting: room,
                    of: want.owner,
                    in: scope,
                    isRest: isRest && want.version.boot == log.boot
                )
            else {
                isComplete = isComplete && log.isRebuilding
                if !log.isRebuilding { rest.append(want) }
                continue
            }
            room -= delta.wireByteCount
            message.deltas.append(delta)
            guard delta.head < delta.newest else { continue }
            isComplete = false
            // From where the run ends when it told something, else from where it should have begun.
            rest.append(
                delta.entries.isEmpty
                    ? want
                    : ObservationDigest(
                        owner: want.owner,
                        version: ObservationVersion(boot: delta.boot, sequence: delta.head)
                    )
            )
        }
        return (message, rest, isComplete)
    }

    /// Tells a newcomer everything, and asks it for what this node misses.
    private mutating func welcome(_ peer: Peer, at now: MonotonicInstant) -> [Effect] {
        var message = ObservationMessage()
        message.flags.insert(.answer)
        var room = self.configuration.streamByteCount - message.wireByteCount
        for owner in [self.node] + self.turns where owner != peer.id {
            guard let log = self.log(of: owner), self.rows[owner]?.isStale != true,
                let scope = self.scope(of: owner, towards: peer),
                let delta = log.delta(after: .none, fitting: room, of: owner, in: scope)
            else { continue }
            room -= delta.wireByteCount + 40
            guard room > 0 else { break }
            message.deltas.append(delta)
            message.digest.append(
                ObservationDigest(owner: owner, version: log.content(in: scope))
            )
        }
        return [self.send(message, to: peer.id, by: .stream, at: now)].compactMap(\.self)
    }

    /// Notes that something of an owner is missed and who has it.
    private mutating func want(
        _ owner: NodeID,
        until version: ObservationVersion,
        from holder: NodeID,
        at now: MonotonicInstant
    ) {
        if var known = self.wants[owner] {
            known.until = max(known.until, version)
            self.wants[owner] = known
            return
        }
        guard self.wants.count < self.configuration.wantLimit else { return }
        guard self.configuration.flaw != .neverRepairs else { return }
        // News often comes twice and out of order: give the other way a moment.
        let patience = self.configuration.tickInterval / 2
        self.wants[owner] = ObservationWant(
            holder: holder,
            until: version,
            due: now.advanced(by: patience)
        )
    }

    /// Asks for what is missed and due.
    mutating func ask(at now: MonotonicInstant) -> [Effect] {
        var messages: [NodeID: [Bool: ObservationMessage]] = [:]
        for owner in self.wants.keys.sorted() {
            guard var want = self.wants[owner], want.due <= now else { continue }
            let log = self.rows[owner]?.log
            guard log?.version ?? .none < want.until, want.tries < Self.tryLimit else {
                self.wants[owner] = nil
                continue
            }
            let isRest = log?.isRebuilding == true
            var message = messages[want.holder]?[isRest] ?? ObservationMessage()
            if isRest { message.flags.insert(.rest) }
            // The second time the stream may be what fails.
            if want.tries % 2 == 1 { message.flags.insert(.byDatagram) }
            message.wants.append(
                ObservationDigest(owner: owner, version: log?.version ?? .none)
            )
            // What the owner does not tell when asked it may never have said: it hears of that.
            if want.holder == owner, want.tries > 0 {
                message.digest.append(ObservationDigest(owner: owner, version: want.until))
            }
            messages[want.holder, default: [:]][isRest] = message
            want.tries += 1
            want.due = now.advanced(by: self.configuration.roundInterval * want.tries)
            if want.tries % 3 == 0, self.sampler[owner] != nil { want.holder = owner }
            self.wants[owner] = want
            self.counters.requests += 1
        }
        return messages.keys.sorted().flatMap { holder -> [Effect] in
            [false, true].compactMap { isRest in
                messages[holder]?[isRest].flatMap { self.send($0, to: holder, at: now) }
            }
        }
    }

    private func expiry(of row: Row) -> MonotonicInstant {
        row.receivedAt.advanced(by: self.reportInterval * 3)
    }

    /// Ends what was not renewed, and forgets whoever is gone.
    mutating func expire(at now: MonotonicInstant) -> [Effect] {
        guard let due = self.nextExpiry, due <= now else { return [] }
        var effects: [Effect] = []
        var next: MonotonicInstant?
        for owner in self.rows.keys.sorted() {
            guard var row = self.rows[owner], !row.isStale else { continue }
            let end = self.expiry(of: row)
            guard end <= now else {
                next = min(next ?? end, end)
                continue
            }
            row.isStale = true
            self.rows[owner] = row
            if self.sampler[owner] == nil {
                self.total -= row.log.values.count
                self.rows[owner] = nil
            } else {
                self.recount(owner)
                effects.append(.changed(owner, [.votes, .regions]))
            }
        }
        self.nextExpiry = next.map { max($0, now.advanced(by: .milliseconds(250))) }
        return effects
    }
}

/// Who speaks against which target in the own region.
extension ObservationTable {
    /// Counts all votes anew.
    mutating func recountVotes() {
        self.against = [:]
        for owner in self.sampler.regional { self.recount(owner) }
        self.wakeSilenced()
    }

    /// Counts the votes of one owner anew.
    mutating func recount(_ owner: NodeID) {
        for target in self.against.keys { self.withdraw(owner, target) }
        guard let row = self.rows[owner], !row.isStale,
            self.sampler[owner]?.region == self.sampler.region,
            row.log.values[.abstaining]?.observation != .abstaining(true)
        else { return }
        for subject in row.log.values.keys {
            guard case .vote(let target) = subject else { continue }
            self.count(owner, on: target)
        }
    }

    /// Counts the votes of a run.
    private mutating func count(_ delta: ObservationDelta, isWhole: Bool) {
        self.sumsAreOld = true
        let owner = delta.owner
        guard self.sampler[owner]?.region == self.sampler.region else { return }
        let isAbstaining =
            self.rows[owner]?.log.values[.abstaining]?.observation == .abstaining(true)
        let isSimple =
            !isWhole && !isAbstaining
            && !delta.entries.contains { $0.observation.subject == .abstaining }
        guard isSimple else {
            self.recount(owner)
            return self.wakeSilenced()
        }
        for entry in delta.entries {
            guard case .vote(let target, _) = entry.observation else { continue }
            self.withdraw(owner, target)
            self.count(owner, on: target)
        }
        self.wakeSilenced()
    }

    private mutating func count(_ owner: NodeID, on target: TargetID) {
        guard let vote = self.vote(of: owner, on: target), vote.stance != .up else { return }
        self.against[target, default: []].insert(owner)
    }

    private mutating func withdraw(_ owner: NodeID, _ target: TargetID) {
        guard self.against[target]?.remove(owner) != nil else { return }
        if self.against[target]?.isEmpty == true { self.against[target] = nil }
    }

    /// Takes up own votes again for which not enough others speak any more.
    private mutating func wakeSilenced() {
        guard !self.silenced.isEmpty else { return }
        let missed = self.silenced.filter { target in
            (self.against[target]?.count ?? 0) < self.configuration.voteRedundancy
        }
        self.silenced.subtract(missed)
        self.held.formUnion(missed)
    }
}

extension ObservationDelta.Entry {
    /// Whether it speaks against a target, or takes that back: not if it only counts.
    fileprivate var isPressing: Bool {
        if case .vote(_, let vote?) = self.observation { vote.stance != .up } else { true }
    }
}
