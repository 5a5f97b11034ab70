import MeshPrimitives

/// What the evidence means: the share of its weight a target gets, trials, the own vote.
extension HealthMachine {
    /// Moves one target on: everything that depends on it alone, and when it is due next.
    mutating func settle(_ slot: Int, into effects: inout [Effect], at now: MonotonicInstant) {
        self.judgeRate(slot, at: now)
        self.forgiveSlowness(slot, at: now)
        if let time = self.refutedAt(slot), now >= time {
            self.entries[slot].watch.refuted(at: now)
        }
        self.tryOut(slot, into: &effects, at: now)
        self.followStance(slot, at: now)
        self.probeIfDue(slot, into: &effects, at: now)
        self.stand(slot, into: &effects, at: now)
        self.applyFactor(slot, into: &effects, at: now)
        let nextCount = self.vote(slot, at: now)
        self.due.set(slot, to: self.nextMoment(slot, nextCount, at: now))
    }

    /// Checks at once when a target goes out of use, and in turn again when it is back.
    private mutating func followStance(_ slot: Int, at now: MonotonicInstant) {
        let stance = self.entries[slot].watch.stance
        let before = self.entries[slot].stance
        guard stance != before else { return }
        self.entries[slot].stance = stance
        if stance == .up {
            self.entries[slot].offeredUntil = nil
            self.scheduleProbe(slot, at: now)
        } else if before == .up {
            self.entries[slot].slowFactor = nil
            self.entries[slot].alarm(at: now)
        }
    }

    /// Offers a trial when its time and this node's turn have come.
    private mutating func tryOut(
        _ slot: Int,
        into effects: inout [Effect],
        at now: MonotonicInstant
    ) {
        let turn = self.trialTurn(slot, at: now)
        guard let turn, turn.isOwn else { return }
        if self.isWonByChecks(slot, at: now) {
            return self.entries[slot].watch.trust(at: now)
        }
        if self.isForgotten(slot, at: now) {
            return self.entries[slot].watch.refuted(at: now)
        }
        guard self.entries[slot].offeredUntil.map({ now >= $0 }) ?? true else { return }
        if self.entries[slot].watch.trialSince == nil {
            self.entries[slot].watch.beginTrial(at: now)
        }
        self.entries[slot].offeredUntil = turn.end
        let since = self.entries[slot].watch.trialSince ?? now
        let isCut = self.entries[slot].watch.isCut
        effects.append(
            .trial(
                TrialOffer(
                    id: self.entries[slot].target.id,
                    until: turn.end,
                    isCautious: !isCut && now < since.advanced(by: .seconds(30)),
                    patience: self.entries[slot].watch.patience
                )
            )
        )
    }

    /// Whether no request came for ten seconds, but checks that read answers pass.
    ///
    /// Without traffic that is the best proof there is. Where checks only connect, a minute without
    /// a request must pass.
    private func isWonByChecks(_ slot: Int, at now: MonotonicInstant) -> Bool {
        let entry = self.entries[slot]
        guard let since = entry.watch.trialSince else { return false }
        let wait = entry.isConnectionOnly ? HealthTiming.idleTrial : .seconds(10)
        return now >= since.advanced(by: wait)
            && (entry.watch.passesChecks || entry.tally.refuting > 0)
    }

    /// Whether nobody speaks any more against a target that this node does not check, and which nobody
    /// has wanted to try for a minute.
    private func isForgotten(_ slot: Int, at now: MonotonicInstant) -> Bool {
        let entry = self.entries[slot]
        guard let since = entry.watch.trialSince else { return false }
        return entry.part.rank == nil && entry.tally.against == 0
            && now >= since.advanced(by: HealthTiming.idleTrial)
    }

    /// When this node has nothing more to say against a target which it does not check, and which
    /// nobody has wanted to try, since what it saw is long ago.
    ///
    /// `nil` when that does not come by time alone.
    private func silenceStart(_ slot: Int) -> MonotonicInstant? {
        let entry = self.entries[slot]
        guard entry.part.rank == nil, let since = entry.watch.trialSince else { return nil }
        return max(since, entry.watch.lastActivity ?? since).advanced(by: HealthTiming.idleTrial)
    }

    /// Whose turn it is to try a target, until when, and after how many more the own one comes; `nil`
    /// before its time, or while checks say that it would be in vain.
    private func trialTurn(
        _ slot: Int,
        at now: MonotonicInstant
    ) -> (isOwn: Bool, end: MonotonicInstant, wait: Int)? {
        let entry = self.entries[slot]
        let salt = SeededGenerator.mix(entry.target.id.rawValue ^ self.node.id.low)
        guard let start = entry.watch.trialTime(timing: self.timing, salt: salt), now >= start,
            !entry.isTrialInVain
        else { return nil }
        let turn = max(1, self.timing.trialTurn.saturatedNanoseconds)
        let number = max(0, start.duration(to: now).saturatedNanoseconds) / turn
        let end = start.advanced(by: .nanoseconds((number + 1) * turn))
        // The user's circuit is each node's own, and so is the time that it stays open.
        let (own, turns) = entry.watch.isCut ? (0, 1) : (entry.part.turn, entry.part.turns)
        let place = Int(number % Int64(turns))
        return (place == own, end, (own - place - 1 + turns) % turns)
    }

    /// Counts a target among those in or out of use.
    private mutating func stand(
        _ slot: Int,
        into effects: inout [Effect],
        at now: MonotonicInstant
    ) {
        let entry = self.entries[slot]
        let standing: HealthPool.Standing
        if entry.directive != nil {
            standing = .retired
        } else if entry.watch.stance != .up {
            standing = entry.watch.isSoft ? .soft : .hard
        } else if entry.tally.against >= 2, entry.contradictions < 5 {
            standing = entry.tally.isHard ? .hard : .soft
        } else {
            standing = .serving
        }
        if entry.watch.hasAnswered, self.pools[entry.pool].servesSince == nil {
            self.pools[entry.pool].servesSince = now
        }
        guard standing != entry.standing else { return }
        self.entries[slot].standing = standing
        self.pools[entry.pool].move(
            slot,
            weight: entry.target.weight,
            from: entry.standing,
            to: standing
        )
        self.reconsiderPanic(entry.pool, into: &effects, at: now)
        if !self.thresholds.isEmpty {
            self.reconsiderThreshold(of: entry.target.upstream, into: &effects)
        }
    }

    /// Looks whether a panic begins or ends; if so, says that and what it means for those it concerns.
    mutating func reconsiderPanic(
        _ place: Int,
        into effects: inout [Effect],
        at now: MonotonicInstant
    ) {
        guard self.pools[place].reconsider() else { return }
        let pool = self.pools[place]
        effects.append(
            .panic(
                upstream: pool.key.upstream,
                region: pool.key.region,
                isPanicking: pool.isPanicking
            )
        )
        for slot in pool.soft.sorted() { self.applyFactor(slot, into: &effects, at: now) }
    }

    /// The share of its weight that the evidence leaves a target, before ramping.
    private func baseFactor(_ slot: Int) -> (Float, TargetVerdict) {
        let entry = self.entries[slot]
        switch entry.standing {
        case .serving: break
        case .soft where self.pools[entry.pool].isPanicking: return (1, .lowered)
        case .retired:
            return entry.directive == .drain ? (.drained, .draining) : (.disabled, .disabled)
        case .hard where entry.watch.isCut:
            return (.disabled, entry.watch.trialSince != nil ? .trial : .excluded)
        case .soft, .hard:
            return (0, entry.watch.trialSince != nil ? .trial : .excluded)
        }
        let share = entry.slowFactor ?? 1
        let isContradicted = entry.contradictions >= 5
        switch entry.tally.against {
        case 0: return (share, share < 1 ? .lowered : .healthy)
        case 1: return isContradicted ? (share, .healthy) : (share * 0.5, .lowered)
        default: return (share * 0.5, .lowered)
        }
    }

    /// Tells the workers a target's share when it has changed, and people its verdict.
    mutating func applyFactor(_ slot: Int, into effects: inout [Effect], at now: MonotonicInstant) {
        let (base, verdict) = self.baseFactor(slot)
        let isPardoned = base > 0 && self.entries[slot].standing != .serving
        if self.entries[slot].factor <= 0, base > 0, !isPardoned {
            self.entries[slot].rampStart = now
        }
        if base <= 0 || isPardoned { self.entries[slot].rampStart = nil }
        var factor = base
        if let start = self.entries[slot].rampStart {
            let progress = start.duration(to: now) / self.timing.ramp
            factor = base * Float(max(0.1, min(1, progress)))
            if progress >= 1 { self.entries[slot].rampStart = nil }
        }
        if factor != self.entries[slot].factor {
            self.entries[slot].factor = factor
            effects.append(.factor(self.entries[slot].target.id, factor))
        }
        let before = self.entries[slot].stage
        let stage = self.entries[slot].currentStage
        let isNews =
            verdict != self.entries[slot].told
            || (stage != before && before != .unknown && stage != .unknown)
        if stage != before {
            self.entries[slot].stage = stage
            self.entries[slot].stageSince = now
        }
        guard isNews else { return }
        self.entries[slot].told = verdict
        let entry = self.entries[slot]
        effects.append(
            .event(
                HealthEvent(
                    target: entry.target,
                    before: before,
                    stage: stage,
                    verdict: verdict,
                    factor: max(0, entry.factor),
                    reason: entry.slowFactor != nil ? .slow : entry.watch.reason,
                    evidence: self.evidence(of: slot, at: now)
                )
            )
        )
    }

    /// What is known of a target at the moment.
    func evidence(of slot: Int, at now: MonotonicInstant) -> HealthEvidence {
        let entry = self.entries[slot]
        var evidence = HealthEvidence()
        evidence.attempts = Int(entry.watch.evidence.attempts.rounded())
        evidence.failures = Int(entry.watch.evidence.failures.rounded())
        evidence.against = entry.tally.against
        evidence.refuting = entry.tally.refuting
        if let latency = entry.watch.evidence.latency {
            evidence.latency = Int(LatencyLogarithm.microseconds(step: latency.step))
            evidence.usualLatency = Int(self.usualLatency(besides: slot, at: now) ?? 0)
        }
        return evidence
    }

    /// Says of a target what is to be said; returns when its counts may be told again.
    private mutating func vote(_ slot: Int, at now: MonotonicInstant) -> MonotonicInstant? {
        if self.entries[slot].isWatched { self.entries[slot].watch.evidence.decay(to: now) }
        let entry = self.entries[slot]
        self.count(slot)
        let isSilent = self.silenceStart(slot).map { now >= $0 } ?? false
        let vote = isSilent ? nil : entry.vote
        let before = self.ownVotes[entry.target.id]
        guard vote != before else { return nil }
        let isSame = vote.map { before?.means($0) ?? false } ?? false
        // What a verdict comes from stays as it was then: nobody judges by it.
        guard !isSame || vote?.isCount == true else { return nil }
        if isSame || (vote?.isCount ?? false && before == nil) {
            let next = entry.countedAt?.advanced(by: .milliseconds(500)) ?? now
            guard now >= next else { return next }
            guard self.counts.take(at: now) else { return now.advanced(by: .seconds(1)) }
            self.entries[slot].countedAt = now
            if case .none = self.votesNews { self.votesNews = .counts }
        } else {
            self.votesNews = .meaning
        }
        self.ownVotes[entry.target.id] = vote
        return nil
    }

    private mutating func count(_ slot: Int) {
        let entry = self.entries[slot]
        let isChecked = entry.part.rank != nil && entry.settings.active.healthyInterval > .zero
        let isKnown = isChecked || entry.watch.lastActivity != nil
        let isAccused = entry.watch.stance != .up && entry.watch.ground != .word
        let isContradicted = isAccused && entry.tally.refuting > 0
        self.known += (isKnown ? 1 : 0) - (entry.isKnown ? 1 : 0)
        self.accused += (isAccused ? 1 : 0) - (entry.isAccused ? 1 : 0)
        self.contradicted += (isContradicted ? 1 : 0) - (entry.isContradicted ? 1 : 0)
        self.entries[slot].isKnown = isKnown
        self.entries[slot].isAccused = isAccused
        self.entries[slot].isContradicted = isContradicted
    }

    private func nextMoment(
        _ slot: Int,
        _ nextCount: MonotonicInstant?,
        at now: MonotonicInstant
    ) -> MonotonicInstant? {
        let entry = self.entries[slot]
        var next = nextCount
        let note = { (moment: MonotonicInstant?) in
            guard let moment else { return }
            let future = max(moment, now.advanced(by: .milliseconds(1)))
            next = min(next ?? future, future)
        }
        note(entry.probeInFlight == nil ? entry.nextProbe : entry.probeDeadline)
        if entry.rampStart != nil { note(now.advanced(by: .milliseconds(500))) }
        if entry.watch.evidence.failures > 0 { note(now.advanced(by: .seconds(1))) }
        note(entry.watch.evidence.pendingRate)
        note(entry.slowEnd)
        note(self.refutedAt(slot))
        if self.ownVotes[entry.target.id] != nil { note(self.silenceStart(slot)) }
        let salt = SeededGenerator.mix(entry.target.id.rawValue ^ self.node.id.low)
        if let start = entry.watch.trialTime(timing: self.timing, salt: salt) {
            note(now < start ? start : self.nextTurn(slot, at: now))
        }
        return next
    }

    /// When the own turn begins, or ends; `nil` while checks fail, whose end is waited for.
    private func nextTurn(_ slot: Int, at now: MonotonicInstant) -> MonotonicInstant? {
        guard let turn = self.trialTurn(slot, at: now), !turn.isOwn else {
            return self.trialTurn(slot, at: now)?.end
        }
        return turn.end.advanced(by: self.timing.trialTurn * turn.wait)
    }
}

extension HealthEntry {
    /// What is to be said of it; `nil` when it is plainly up.
    fileprivate var vote: HealthVote? {
        let evidence = self.watch.evidence
        let isUp = self.watch.stance == .up
        let reason: HealthReason
        if !isUp {
            reason = self.watch.reason
        } else if self.tally.against > 0, self.refutes {
            reason = self.watch.isProven ? .proven : .answering
        } else if evidence.failures >= 1 {
            reason = .failureRate
        } else {
            return nil
        }
        let failures = evidence.failures.rounded()
        let successes = (evidence.attempts - evidence.failures).rounded()
        return HealthVote(
            stance: self.watch.stance,
            reason: reason,
            isChecker: self.part.rank != nil,
            successes: UInt16(max(0, min(successes, 65_535))),
            failures: UInt16(max(0, min(failures, 65_535)))
        )
    }
}

extension HealthEntry {
    /// Whether checks say that a trial would be in vain.
    var isTrialInVain: Bool {
        self.watch.failsChecks || (self.part.rank == nil && self.tally.failsChecks)
    }

    /// Whether this node answers those who speak against the target: when it has tried it, or is one of its
    /// checkers, or when not enough of these do so.
    private var refutes: Bool {
        if self.watch.isProven { return true }
        return self.contradictions > 0 && (self.part.rank != nil || self.tally.refutingCheckers < 2)
    }
}

extension HealthVote {
    /// Whether it tells nothing but counts.
    fileprivate var isCount: Bool { self.stance == .up && self.reason == .failureRate }
}
