import MeshPrimitives

/// Evidence of single targets: what workers saw and what checks met.
extension HealthMachine {
    mutating func observe(_ seen: TargetObservation, _ slot: Int, at now: MonotonicInstant) {
        let rules = self.entries[slot].settings.passive
        if case .trial = self.entries[slot].watch.state { self.entries[slot].offeredUntil = nil }
        let pool = self.pools[self.entries[slot].pool].counted
        self.entries[slot].watch.observe(seen, rules: rules, pool: pool, at: now)
        if seen.silences > 0, seen.answers == 0, !self.isDoubtful(at: now),
            self.pools[self.entries[slot].pool].members.count > 1
        {
            self.entries[slot].watch.detect(.stuck, at: now)
        }
        let answers = seen.answers
        if answers > 0 {
            self.entries[slot].contradict(count: answers, at: now)
            self.judgeLatency(slot, seen, count: answers, at: now)
        }
        if seen.transportFailures > 0, answers == 0 { self.entries[slot].alarm(at: now) }
    }

    mutating func check(
        _ slot: Int,
        _ outcome: ProbeResult.Outcome,
        at now: MonotonicInstant
    ) {
        let isOwnFault = outcome == .timedOut && self.isDoubtful(at: now)
        self.entries[slot].probeInFlight = nil
        self.entries[slot].probeDeadline = nil
        guard outcome != .notCarriedOut, !isOwnFault else {
            return self.scheduleProbe(slot, at: now)
        }
        let wasClean = self.entries[slot].watch.failures == 0
        self.entries[slot].watch.checked(
            outcome,
            TargetWatch.Check(
                rules: self.entries[slot].settings.active.rules,
                timing: self.timing,
                isConnectionOnly: self.entries[slot].isConnectionOnly,
                isExpected: self.entries[slot].isAlarmed(at: now)
            ),
            at: now
        )
        let isClean = self.entries[slot].watch.failures == 0
        if wasClean != isClean { self.entries[slot].transitionLeft = 10 }
        if isClean { self.entries[slot].contradict(count: 1, at: now) }
        self.scheduleProbe(slot, at: now)
    }

    mutating func scheduleProbe(_ slot: Int, at now: MonotonicInstant) {
        self.entries[slot].scheduleProbe(
            timing: self.timing,
            fleetOffset: self.fleetOffset,
            at: now
        )
    }

    mutating func probeIfDue(_ slot: Int, into effects: inout [Effect], at now: MonotonicInstant) {
        if let deadline = self.entries[slot].probeDeadline, now >= deadline {
            // The prober never answered; count nothing and try again.
            self.check(slot, .notCarriedOut, at: now)
        }
        guard self.entries[slot].probeInFlight == nil,
            let moment = self.entries[slot].nextProbe, now >= moment
        else { return }
        self.sequence &+= 1
        let active = self.entries[slot].settings.active
        self.entries[slot].probeInFlight = self.sequence
        self.entries[slot].probeDeadline = now.advanced(by: active.timeout + .seconds(2))
        self.entries[slot].nextProbe = nil
        effects.append(
            .probe(
                ProbeRequest(
                    id: self.entries[slot].target.id,
                    sequence: self.sequence,
                    endpoint: self.entries[slot].target.endpoint,
                    check: active.check,
                    timeout: active.timeout,
                    greeting: active.greeting
                )
            )
        )
    }

    /// Compares a target's latency with that of its like, once per window.
    private mutating func judgeLatency(
        _ slot: Int,
        _ seen: TargetObservation,
        count: UInt32,
        at now: MonotonicInstant
    ) {
        let least = self.entries[slot].slowFactor == nil ? TargetEvidence.leastAnswers : 3
        guard
            self.entries[slot].watch.evidence.addLatencies(
                count: count,
                steps: seen.latencySteps,
                leastCount: least,
                mayBeShort: self.entries[slot].slowFactor == nil,
                at: now
            ), let usual = self.usualLatency(besides: slot, at: now)
        else { return }
        self.entries[slot].watch.evidence.compare(with: usual)
        let evidence = self.entries[slot].watch.evidence
        guard let latency = evidence.latency else { return }
        let own = max(1, LatencyLogarithm.microseconds(step: latency.step))
        if self.entries[slot].slowFactor == nil {
            guard let usual = self.provenUsual(slot, at: now) else { return }
            self.entries[slot].slowFactor = Self.slowFactor(own, usual: usual)
        } else if evidence.fastWindows >= 10 {
            self.entries[slot].slowFactor = nil
            self.entries[slot].rampStart = now
        } else {
            self.entries[slot].slowFactor = Self.slowFactor(own, usual: usual)
        }
    }

    /// What is usual beside a target that was slow for three windows; `nil` when it was not, or when its
    /// like have not shown yet that they are faster.
    ///
    /// A window of a busy target is short, that of a target with few requests may have ended before
    /// all of them became slow. Only windows count that began after the first slow one did.
    private mutating func provenUsual(_ slot: Int, at now: MonotonicInstant) -> Double? {
        let evidence = self.entries[slot].watch.evidence
        guard evidence.slowWindows >= 3, let since = evidence.slowSince,
            let usual = self.usualLatency(besides: slot, since: since, at: now)
        else { return nil }
        guard evidence.isSlow(beside: usual) else {
            self.entries[slot].watch.evidence.forgetSlowness()
            return nil
        }
        return usual
    }

    /// The share of its weight that a slow target keeps: a hundredth at least, which is enough to see
    /// it get well.
    ///
    /// Twice as slow, a quarter: in proportion alone, one of four targets that takes ten times as long
    /// would still be what one request in forty waits for.
    private static func slowFactor(_ own: Double, usual: Double) -> Float {
        let ratio = min(1, usual / own)
        return Float(max(0.01, ratio * ratio))
    }

    /// A target that was not found slow for half a minute, asked or not, gets another chance.
    mutating func forgiveSlowness(_ slot: Int, at now: MonotonicInstant) {
        guard self.entries[slot].slowFactor != nil, let end = self.entries[slot].slowEnd,
            now >= end
        else { return }
        self.entries[slot].slowFactor = nil
        self.entries[slot].watch.evidence.clear()
        self.entries[slot].rampStart = now
    }

    /// The median latency of a target's like in microseconds; `nil` when too few are known.
    ///
    /// - Parameters:
    ///   - slot: the target.
    ///   - since: when a window must not have begun before; `nil` for any time.
    ///   - now: the time.
    /// - Returns: the median of windows that ended in the last five seconds.
    func usualLatency(
        besides slot: Int,
        since: MonotonicInstant? = nil,
        at now: MonotonicInstant
    ) -> Double? {
        let pool = self.pools[self.entries[slot].pool]
        let steps = pool.sample(besides: slot).compactMap { other -> Double? in
            guard self.entries[other].slowFactor == nil,
                let latency = self.entries[other].watch.evidence.latency,
                now < latency.at.advanced(by: .seconds(5)),
                latency.since >= since ?? latency.since
            else { return nil }
            return latency.step
        }.sorted()
        guard steps.count >= (pool.members.count == 2 ? 1 : min(3, pool.members.count - 1)),
            !steps.isEmpty
        else { return nil }
        return LatencyLogarithm.microseconds(step: steps[steps.count / 2])
    }

    /// Takes a target out of use that fails far more often than its like: by own evidence, or by
    /// that of at least two nodes together.
    mutating func judgeRate(_ slot: Int, at now: MonotonicInstant) {
        // Without own attempts only several peers together prove anything.
        guard self.entries[slot].isWatched || self.entries[slot].tally.failing >= 2 else { return }
        guard !self.entries[slot].watch.openByRatio(at: now) else { return }
        guard self.entries[slot].watch.state == .up,
            self.pools[self.entries[slot].pool].members.count > 1
        else { return self.entries[slot].watch.evidence.forgetRate() }
        self.entries[slot].watch.evidence.decay(to: now)
        let evidence = self.entries[slot].watch.evidence
        let tally = self.entries[slot].tally
        var (attempts, failures) = (evidence.attempts, evidence.failures)
        let isOwn = TargetEvidence.provenRate(attempts: attempts, failures: failures) > 0.1
        if !isOwn, tally.failing + (failures > 0 ? 1 : 0) >= 2 {
            attempts += tally.attempts
            failures += tally.failures
        }
        let rate = TargetEvidence.provenRate(attempts: attempts, failures: failures)
        let usual = rate > 0.1 ? self.usualRate(besides: slot) : nil
        let limit = usual.map { max(0.1, 3 * $0) } ?? 1
        let isBad = self.entries[slot].watch.evidence.exceeds(
            limit,
            attempts: attempts,
            failures: failures,
            at: now
        )
        let isNewlyBad = evidence.onset.isProven(
            beside: self.pools[self.entries[slot].pool].counted,
            at: now
        )
        if isBad || isNewlyBad { self.entries[slot].watch.detect(.failureRate, at: now) }
    }

    /// The median failure rate of a target's like; `nil` while nobody knows it.
    ///
    /// Those do not count that are out of use, since what was seen of them is old; nor those that took
    /// fewer than five attempts, or than a twentieth of its own: what has just returned, and is asked
    /// rarely, has had no time to fail.
    private func usualRate(besides slot: Int) -> Double? {
        let least = max(5, self.entries[slot].watch.evidence.attempts / 20)
        let rates = self.pools[self.entries[slot].pool].sample(besides: slot)
            .map { self.entries[$0] }
            .filter {
                $0.watch.state == .up
                    && $0.watch.evidence.attempts + $0.tally.attempts >= least
            }
            .map { entry in
                let failures = entry.watch.evidence.failures + entry.tally.failures
                return failures / (entry.watch.evidence.attempts + entry.tally.attempts)
            }.sorted()
        return rates.isEmpty ? nil : rates[rates.count / 2]
    }
}
