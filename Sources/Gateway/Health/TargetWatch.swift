import MeshPrimitives

/// One node's own evidence about one target.
///
///     up --failed attempt--> suspect --failed check--> down --checks succeed--> up
///      ^                        |  ^                     |
///      |<----- check succeeds --'  '-- trial <-- backoff-'
///      |<----------- attempt succeeds ---'
///
/// Pure. Leaves fast on one failed connection, returns slowly on several successes.
struct TargetWatch: Equatable, Sendable {
    enum State: Equatable, Sendable {
        case up
        case suspect(since: MonotonicInstant)
        case down(since: MonotonicInstant)
        case trial
    }

    private(set) var state: State = .up
    private(set) var reason: HealthReason = .none
    /// Successes and failures in a row; a success clears the failures and the other way round.
    private(set) var successes: UInt32 = 0
    private(set) var failures: UInt32 = 0
    private(set) var lastActivity: MonotonicInstant?
    private var timeouts: UInt32 = 0
    private var statusFailures: UInt32 = 0
    private var failedTrials = 0
    /// Whether an operator excluded it; then no trial request brings it back.
    private var isMarked = false

    var vote: HealthVote {
        switch self.state {
        case .up: .up
        case .suspect, .trial: .suspect
        case .down: .down
        }
    }

    /// Takes an operator's word.
    mutating func mark(isHealthy: Bool, at now: MonotonicInstant) {
        guard !isHealthy else {
            self.recover()
            return
        }
        self.successes = 0
        self.reason = .none
        self.isMarked = true
        self.state = .down(since: now)
    }

    /// Takes in what a worker saw.
    mutating func observe(
        _ seen: TargetObservation,
        rules: HealthSettings.Rules,
        at now: MonotonicInstant
    ) {
        self.lastActivity = now
        let bad = seen.statuses.filter { rules.unhealthyStatuses.contains($0.status) }
            .reduce(UInt32(0)) { $0 &+ $1.count }
        let good = seen.answers &- bad
        if good > 0 { self.succeeded(count: good) }
        if bad > 0 { self.answeredBadly(count: bad, rules: rules, at: now) }
        let broken = seen.connectFailures &+ seen.resets
        if broken > 0 {
            let reason: HealthReason = seen.connectFailures > 0 ? .connectFailed : .broken
            self.failed(count: broken, reason: reason)
            // A reset among many answers is one broken request, not a dead target.
            let isAlone = good == 0
            if rules.tcpFailures > 0, self.failures >= UInt32(rules.tcpFailures) {
                self.exclude(at: now)
            } else if isAlone {
                self.suspect(at: now)
            }
        }
        if seen.timeouts > 0 {
            self.timeouts = self.timeouts.addingSaturated(seen.timeouts)
            self.failed(count: seen.timeouts, reason: .timedOut)
            if rules.timeouts > 0, self.timeouts >= UInt32(rules.timeouts) {
                self.exclude(at: now)
            } else if self.timeouts >= 2 {
                self.suspect(at: now)
            }
        }
    }

    /// Takes in the end of an own check.
    ///
    /// `isExpected` says that somebody's traffic failed lately, so that one failed check is proof
    /// enough.
    mutating func checked(
        _ outcome: ProbeResult.Outcome,
        rules: HealthSettings.Rules,
        isExpected: Bool,
        at now: MonotonicInstant
    ) {
        guard outcome != .notCarriedOut else { return }
        self.lastActivity = now
        switch outcome {
        case .connected:
            // A connection proves nothing about answers: it cannot end what timeouts began.
            guard self.state == .up || self.reason == .connectFailed || self.isOneBreak else {
                return
            }
            self.checkSucceeded(rules: rules)
        case .status(let status) where rules.healthyStatuses.contains(status):
            self.checkSucceeded(rules: rules)
        case .status(let status) where rules.unhealthyStatuses.contains(status):
            self.checkFailed(
                .unhealthyStatus,
                limit: rules.httpFailures,
                isExpected: false,
                at: now
            )
        case .status, .notCarriedOut:
            return
        case .connectFailed:
            self.checkFailed(
                .connectFailed,
                limit: rules.tcpFailures,
                isExpected: isExpected,
                at: now
            )
        case .broken:
            self.checkFailed(.broken, limit: rules.tcpFailures, isExpected: isExpected, at: now)
        case .timedOut:
            self.checkFailed(.timedOut, limit: rules.timeouts, isExpected: isExpected, at: now)
        }
    }

    /// Gives the target a trial when its time has come.
    ///
    /// `canBeChecked` says that own checks can bring the target back from ``reason``; if not, only a
    /// trial request can.
    mutating func wake(timing: HealthTiming, canBeChecked: Bool, at now: MonotonicInstant) {
        switch self.state {
        case .suspect(let since) where now >= since.advanced(by: self.backoff(timing)):
            self.state = .trial
        case .down(let since)
        where !canBeChecked && !self.isMarked && now >= since.advanced(by: self.backoff(timing)):
            self.state = .trial
        case .up, .trial, .suspect, .down:
            return
        }
    }

    /// When ``wake(timing:canBeChecked:at:)`` could change something.
    func nextWake(timing: HealthTiming) -> MonotonicInstant? {
        switch self.state {
        case .suspect(let since): since.advanced(by: self.backoff(timing))
        case .down(let since): self.isMarked ? nil : since.advanced(by: self.backoff(timing))
        case .up, .trial: nil
        }
    }

    /// Ends a suspicion that several peers have refuted since it began.
    mutating func refuted() {
        guard case .suspect = self.state else { return }
        self.recover()
    }

    private var isOneBreak: Bool { self.reason == .broken && self.failures < 2 }

    private func backoff(_ timing: HealthTiming) -> Duration {
        min(timing.backoff * (1 << min(self.failedTrials, 6)), timing.maximumBackoff)
    }

    private mutating func succeeded(count: UInt32) {
        self.successes = self.successes.addingSaturated(count)
        self.clearFailures()
        switch self.state {
        case .trial: self.recover()
        case .up: self.reason = .answering
        case .suspect, .down: return
        }
    }

    private mutating func answeredBadly(
        count: UInt32,
        rules: HealthSettings.Rules,
        at now: MonotonicInstant
    ) {
        self.statusFailures = self.statusFailures.addingSaturated(count)
        self.failed(count: count, reason: .unhealthyStatus)
        if rules.httpFailures > 0, self.statusFailures >= UInt32(rules.httpFailures) {
            self.exclude(at: now)
        }
    }

    private mutating func checkSucceeded(rules: HealthSettings.Rules) {
        self.successes = self.successes.addingSaturated(1)
        self.clearFailures()
        switch self.state {
        case .up: self.reason = .answering
        case .suspect, .trial: self.recover()
        case .down where self.successes >= UInt32(rules.successes > 0 ? rules.successes : 3):
            self.recover()
        case .down: return
        }
    }

    private mutating func checkFailed(
        _ reason: HealthReason,
        limit: Int,
        isExpected: Bool,
        at now: MonotonicInstant
    ) {
        self.failed(count: 1, reason: reason)
        switch self.state {
        case .up:
            let needed = isExpected ? 1 : (limit > 0 ? UInt32(limit) : 2)
            // An unhealthy status excludes only where the user set a threshold for it.
            guard reason != .unhealthyStatus || limit > 0 else { return }
            if self.failures >= needed { self.exclude(at: now) }
        case .suspect, .trial, .down:
            self.exclude(at: now)
        }
    }

    private mutating func failed(count: UInt32, reason: HealthReason) {
        self.failures = self.failures.addingSaturated(count)
        self.successes = 0
        if self.state != .trial || reason != .unhealthyStatus { self.reason = reason }
    }

    private mutating func suspect(at now: MonotonicInstant) {
        switch self.state {
        case .up: self.state = .suspect(since: now)
        case .trial: self.exclude(at: now)
        case .suspect, .down: return
        }
    }

    private mutating func exclude(at now: MonotonicInstant) {
        switch self.state {
        case .trial:
            self.failedTrials = min(self.failedTrials + 1, 6)
            self.state = .down(since: now)
        case .up, .suspect: self.state = .down(since: now)
        case .down: return
        }
    }

    private mutating func recover() {
        self.state = .up
        self.reason = .answering
        self.isMarked = false
        self.failedTrials = 0
        self.clearFailures()
    }

    private mutating func clearFailures() {
        self.failures = 0
        self.timeouts = 0
        self.statusFailures = 0
    }
}

extension UInt32 {
    fileprivate func addingSaturated(_ other: UInt32) -> UInt32 {
        let (sum, overflow) = self.addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
