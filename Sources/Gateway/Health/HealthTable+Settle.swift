import MeshPrimitives

extension HealthTable {
    /// Starts due checks, recomputes verdicts, publishes what changed and says when to wake.
    mutating func settle(at now: MonotonicInstant) -> [Effect] {
        var effects: [Effect] = []
        for id in self.order {
            guard var entry = self.entries[id] else { continue }
            entry.watch.wake(timing: self.timing, canBeChecked: entry.canBeChecked, at: now)
            self.refute(&entry, at: now)
            self.probeIfDue(&entry, into: &effects, at: now)
            self.judge(&entry, into: &effects, at: now)
            self.entries[id] = entry
        }
        self.publishIfDue(into: &effects, at: now)
        effects.append(.wake(at: self.nextWake(at: now)))
        return effects
    }

    /// Shares out the checking anew; checks of targets that this node no longer checks end.
    mutating func assignCheckers(at now: MonotonicInstant) {
        for id in self.order {
            guard var entry = self.entries[id] else { continue }
            let checkers = HealthPeer.checkers(
                of: entry.target,
                among: self.peers,
                perRegion: self.timing.checkersPerRegion
            )
            let rank = checkers.firstIndex { $0.id == self.node.id }
            let isUnchanged =
                entry.isChecker && entry.rank == rank && entry.checkerCount == checkers.count
            entry.isChecker = rank != nil
            entry.rank = rank ?? 0
            entry.checkerCount = max(1, checkers.count)
            if entry.isChecker, !isUnchanged {
                entry.nextProbe = self.firstProbe(of: entry, at: now)
            } else if !entry.isChecker {
                entry.nextProbe = nil
            }
            self.entries[id] = entry
        }
    }

    /// Spreads the first checks by rank over one interval, so that checkers take turns.
    private func firstProbe(of entry: Entry, at now: MonotonicInstant) -> MonotonicInstant? {
        guard entry.watch.vote == .up else { return now }
        let interval = entry.settings.active.healthyInterval
        guard interval > .zero else { return nil }
        let share = interval / entry.checkerCount
        let offset = Double(entry.target.id.rawValue >> 11) * 0x1p-53
        return now.advanced(by: share * entry.rank + share * offset)
    }

    private mutating func probeIfDue(
        _ entry: inout Entry,
        into effects: inout [Effect],
        at now: MonotonicInstant
    ) {
        if let deadline = entry.probeDeadline, now >= deadline {
            // The prober never answered; count nothing and try again.
            entry.probeInFlight = nil
            entry.probeDeadline = nil
            entry.scheduleNextProbe(timing: self.timing, at: now)
        }
        guard entry.probeInFlight == nil, let due = entry.nextProbe, now >= due else { return }
        self.sequence &+= 1
        let active = entry.settings.active
        entry.probeInFlight = self.sequence
        entry.probeDeadline = now.advanced(by: active.timeout + .seconds(2))
        entry.nextProbe = nil
        effects.append(
            .probe(
                ProbeRequest(
                    id: entry.target.id,
                    sequence: self.sequence,
                    endpoint: entry.target.endpoint,
                    check: active.check,
                    timeout: active.timeout,
                    greeting: active.greeting
                )
            )
        )
    }

    /// Ends an own suspicion that two peers' checks refute, where this node does not check itself.
    private func refute(_ entry: inout Entry, at now: MonotonicInstant) {
        guard case .suspect(let since) = entry.watch.state, !entry.isChecker else { return }
        let refuting = self.remote.values.filter { report in
            guard let vote = report.votes[entry.target.id], !report.isAbstaining else {
                return false
            }
            return report.receivedAt > since && vote.vote == .up && vote.isChecker
                && vote.successes > 0
        }
        if refuting.count >= min(2, max(1, self.peers.count - 1)) { entry.watch.refuted() }
    }

    private mutating func judge(
        _ entry: inout Entry,
        into effects: inout [Effect],
        at now: MonotonicInstant
    ) {
        let (base, verdict) = self.baseFactor(of: entry, at: now)
        if entry.factor == 0, base > 0, verdict != .trial { entry.rampStart = now }
        if base == 0 { entry.rampStart = nil }
        var factor = base
        if let start = entry.rampStart {
            let progress = start.duration(to: now) / self.timing.ramp
            factor = base * Float(max(0.1, min(1, progress)))
            if progress >= 1 { entry.rampStart = nil }
        }
        guard factor != entry.factor else { return }
        let wasExcluded = entry.factor == 0
        entry.factor = factor
        effects.append(.factor(entry.target.id, factor))
        guard wasExcluded != (factor == 0) || verdict == .lowered else { return }
        effects.append(
            .event(
                HealthEvent(
                    target: entry.target,
                    verdict: verdict,
                    reason: entry.watch.reason,
                    observers: self.accusers(of: entry.target.id).count
                )
            )
        )
    }

    /// The share of its weight that the evidence leaves a target, before ramping.
    private func baseFactor(of entry: Entry, at now: MonotonicInstant) -> (Float, TargetVerdict) {
        switch entry.watch.state {
        case .suspect, .down: return (0, .excluded)
        case .trial: return (0.1, .trial)
        case .up: break
        }
        let isProven = entry.contradictions >= 5
        switch self.accusers(of: entry.target.id).count {
        case 0: return (1, .healthy)
        case 1: return isProven ? (1, .healthy) : (0.5, .lowered)
        default: return isProven ? (0.5, .lowered) : (0, .excluded)
        }
    }

    /// The peers whose valid reports speak against a target.
    func accusers(of id: TargetID) -> [NodeID] {
        self.remote.filter { _, report in
            guard !report.isAbstaining, let vote = report.votes[id] else { return false }
            return vote.vote != .up
        }.map(\.key)
    }

    private func nextWake(at now: MonotonicInstant) -> MonotonicInstant {
        var next = self.nextReport
        for entry in self.entries.values {
            for moment in [
                entry.nextProbe, entry.probeDeadline, entry.watch.nextWake(timing: self.timing),
            ] {
                if let moment, moment > now { next = min(next, moment) }
            }
            if entry.rampStart != nil { next = min(next, now.advanced(by: .seconds(1))) }
        }
        return max(next, now.advanced(by: .milliseconds(1)))
    }
}
