import MeshPrimitives

/// One node's own evidence about one target, and what it makes of it.
///
///     up --failure--> suspect --failed check--> down
///      ^                 |                        |
///      |<-- check that disproves the failure -----|
///      |                 '-----> trial <----------'   after the back-off
///      '<-- three trials won -----'  '-- one lost --> down, back-off doubled
///
/// Pure. Leaves fast on one failed connection, returns slowly: whoever returns does so by a ramp.
struct TargetWatch: Equatable, Sendable {
    enum State: Equatable, Sendable {
        case up
        case suspect(since: MonotonicInstant)
        case down(since: MonotonicInstant)
        /// One request at a time may try it.
        case trial(since: MonotonicInstant)
    }

    /// Who or what took it out of use; it decides what brings it back.
    enum Ground: Equatable, Sendable {
        /// Connections fail: one that succeeds disproves it.
        case connection
        /// The user's thresholds: the user's thresholds bring it back, too.
        case threshold
        /// Our own detectors: only requests that it answers disprove them.
        case detector
        /// The user's circuit breaker: nothing goes there before its time, and only requests that it
        /// answers disprove it.
        case breaker
        /// An operator's word.
        case word
    }

    /// How a check was made and what it is judged by.
    struct Check {
        let rules: HealthSettings.Rules
        let timing: HealthTiming
        /// Whether it only opens a connection.
        let isConnectionOnly: Bool
        /// Whether somebody's traffic failed lately, so that one failed check is proof enough.
        let isExpected: Bool
    }

    /// Answers that fail in a row before the target is out of use: 5.
    private static let answerLimit: UInt32 = 5
    /// Highest power of two of a back-off: 6.
    private static let strikeLimit = 6

    private(set) var state: State = .up
    private(set) var ground: Ground = .connection
    /// Successes and failures in a row; a success clears the failures and the other way round.
    private(set) var successes: UInt32 = 0
    private(set) var failures: UInt32 = 0
    private(set) var lastActivity: MonotonicInstant?
    /// Whether it was ever seen to answer.
    private(set) var hasAnswered = false
    /// Whether it has won its trials since it was last out of use.
    private(set) var isProven = false
    /// When it went out of use last, a lost trial included.
    private(set) var leftAt: MonotonicInstant?
    /// Whether the last check since it went out of use passed, and whether it failed.
    private(set) var passesChecks = false
    private(set) var failsChecks = false
    var evidence = TargetEvidence()
    /// Why it was taken out of use, or back.
    private var cause: HealthReason = .none
    /// Whether it refused a connection after our own detectors took it out of use: what is killed
    /// breaks its connections first, and refuses new ones then.
    private var isRefused = false
    /// Whether it was found to answer nobody, and has answered nobody since.
    private var isSilent = false
    /// The user's circuit breaker.
    var breaker = HealthSettings.Breaker()
    /// Attempts that failed in a row.
    private var failuresInRow: UInt32 = 0
    private var timeouts: UInt32 = 0
    private var statusFailures: UInt32 = 0
    private var breaks: UInt32 = 0
    private var badAnswers: UInt32 = 0
    private var strikes = 0
    private var trialsWon = 0
    private var upSince: MonotonicInstant?

    var stance: HealthStance {
        switch self.state {
        case .up: .up
        case .suspect, .trial: .suspect
        case .down: .down
        }
    }

    /// Why it is in use, or out of it.
    var reason: HealthReason { self.isRefused ? .connectFailed : self.cause }

    /// Whether our own detectors alone took it out of use, so that it may serve when too many are.
    ///
    /// What refuses connections or answers nobody may not, whoever else is out.
    var isSoft: Bool {
        self.state != .up && self.ground == .detector && !self.isRefused && !self.isSilent
    }

    /// Whether the user's circuit breaker keeps all but single requests away, even when nothing else is
    /// left.
    var isCut: Bool { self.state != .up && self.ground == .breaker }

    /// Takes an operator's word.
    mutating func mark(isHealthy: Bool, at now: MonotonicInstant) {
        if isHealthy {
            self.recover(at: now)
            self.cause = .word
        } else {
            self.successes = 0
            self.exclude(.word, .word, at: now)
        }
    }

    /// Takes in what a worker saw.
    mutating func observe(
        _ seen: TargetObservation,
        rules: HealthSettings.Rules,
        pool: AttemptCount = AttemptCount(),
        at now: MonotonicInstant
    ) {
        self.lastActivity = now
        let transport = seen.transportFailures
        let failed = seen.gatewayFailures
        self.evidence.add(
            attempts: seen.attempts,
            failures: seen.failures,
            pool: pool,
            at: now
        )
        let bad = seen.count { rules.unhealthyStatuses.contains($0) }
        let good = seen.answers &- bad
        if seen.answers > 0 { self.isSilent = false }
        if good > 0 { self.succeeded(count: good) }
        if case .trial = self.state {
            let isFailed = transport > 0 || failed > 0 || (bad > 0 && rules.httpFailures > 0)
            isFailed ? self.lostTrial(of: seen, at: now) : self.wonTrials(seen.answers, at: now)
            return
        }
        self.countForBreaker(failed.addingSaturated(transport), of: seen, at: now)
        if bad > 0 { self.answeredBadly(count: bad, rules: rules, at: now) }
        self.countAnswers(failed: failed, of: seen.answers, at: now)
        self.countBreaks(of: seen, good: good, rules: rules, at: now)
        self.countTimeouts(of: seen, rules: rules, at: now)
    }

    /// Takes in the end of an own check.
    mutating func checked(
        _ outcome: ProbeResult.Outcome,
        _ check: Check,
        at now: MonotonicInstant
    ) {
        guard outcome != .notCarriedOut else { return }
        self.lastActivity = now
        let rules = check.rules
        switch outcome {
        case .connected, .status, .broken: self.isRefused = false
        case .connectFailed, .timedOut, .notCarriedOut: break
        }
        if case .status = outcome { self.isSilent = false }
        switch outcome {
        case .connected: self.checkSucceeded(check, isConnection: true, at: now)
        case .status(let status) where rules.healthyStatuses.contains(status):
            self.checkSucceeded(check, isConnection: false, at: now)
        case .status(let status) where rules.unhealthyStatuses.contains(status):
            // An unhealthy status counts only where the user set a threshold for it.
            guard rules.httpFailures > 0 else { return }
            self.checkFailed(.unhealthyStatus, limit: rules.httpFailures, check, at: now)
        case .status, .notCarriedOut: return
        case .connectFailed:
            self.checkFailed(.connectFailed, limit: rules.tcpFailures, check, at: now)
        case .broken: self.checkFailed(.broken, limit: rules.tcpFailures, check, at: now)
        case .timedOut: self.checkFailed(.timedOut, limit: rules.timeouts, check, at: now)
        }
    }

    /// Takes it out of use because of what a detector says.
    mutating func detect(_ reason: HealthReason, at now: MonotonicInstant) {
        if reason == .stuck { self.isSilent = true }
        guard self.state == .up else { return }
        self.suspect(.detector, reason, at: now)
    }

    /// Takes it out of use when more of its attempts fail than its circuit breaker bears; `false` when
    /// the breaker has no say in that.
    mutating func openByRatio(at now: MonotonicInstant) -> Bool {
        guard self.breaker.ratio > 0 else { return false }
        if self.state == .up, self.evidence.attempts >= Double(self.breaker.requests),
            self.evidence.rate >= self.breaker.ratio
        {
            self.suspect(.breaker, .breaker, at: now)
        }
        return true
    }

    /// Begins to let single requests try it.
    mutating func beginTrial(at now: MonotonicInstant) {
        self.trialsWon = 0
        self.state = .trial(since: now)
    }

    /// Ends a trial that nobody's request took, because checks pass.
    mutating func trust(at now: MonotonicInstant) {
        self.recover(at: now)
        self.isProven = true
        self.cause = .proven
    }

    /// Since when single requests may try it; `nil` when none may.
    var trialSince: MonotonicInstant? {
        if case .trial(let since) = self.state { since } else { nil }
    }

    /// How the last checks ended says nothing any more, since this node makes none.
    mutating func forgetChecks() {
        self.passesChecks = false
        self.failsChecks = false
    }

    /// Ends what others have refuted since it began, or nobody says any more; that is no proof.
    mutating func refuted(at now: MonotonicInstant) { self.recover(at: now) }

    /// Whether checks and peers may bring it back: at once at first, later the more often it was out
    /// of use.
    func mayReturn(_ timing: HealthTiming, at now: MonotonicInstant) -> Bool {
        self.returnTime(timing).map { now >= $0 } ?? true
    }

    /// From when on checks and peers may bring it back; `nil` when it is in use.
    func returnTime(_ timing: HealthTiming) -> MonotonicInstant? {
        guard let since = self.outSince else { return nil }
        guard self.ground != .breaker else { return since.advanced(by: self.backoff(timing)) }
        guard self.strikes > 1 else { return since }
        return since.advanced(by: timing.recoveryInterval * (1 << (self.strikes - 1)))
    }

    /// When a trial may begin; `nil` when none may.
    func trialTime(timing: HealthTiming, salt: UInt64) -> MonotonicInstant? {
        switch self.state {
        case .up: return nil
        case .trial(let since): return since
        case .suspect(let since), .down(let since):
            guard self.ground != .word else { return nil }
            // Who sets the time means it.
            guard self.breaker.open == .zero else {
                return since.advanced(by: self.backoff(timing))
            }
            let jitter = Double(SeededGenerator.mix(salt ^ UInt64(self.strikes)) >> 44) * 0x1p-20
            return since.advanced(by: self.backoff(timing) * (0.8 + 0.4 * jitter))
        }
    }

    /// How long a request on trial waits for an answer.
    var patience: Duration { .seconds(1) * (1 << max(0, self.strikes - 1)) }

    /// Since when it has been out of use; `nil` when it is in use.
    var outSince: MonotonicInstant? {
        switch self.state {
        case .up: nil
        case .suspect(let since), .down(let since), .trial(let since): since
        }
    }

    private func backoff(_ timing: HealthTiming) -> Duration {
        self.breaker.open > .zero
            ? self.breaker.open
            : min(timing.backoff * (1 << max(0, self.strikes - 1)), timing.maximumBackoff)
    }

    private mutating func succeeded(count: UInt32) {
        self.successes = self.successes.addingSaturated(count)
        self.hasAnswered = true
        self.clearFailures()
        if self.state == .up { self.cause = .answering }
    }

    private mutating func wonTrials(_ count: UInt32, at now: MonotonicInstant) {
        self.trialsWon += Int(min(count, 100))
        guard self.trialsWon >= self.breaker.successes else { return }
        self.recover(at: now)
        self.isProven = true
        self.cause = .proven
    }

    private mutating func lostTrial(of seen: TargetObservation, at now: MonotonicInstant) {
        self.failed(count: 1)
        self.exclude(
            seen.connectFailures > 0 && self.ground != .breaker ? .connection : self.ground,
            seen.failureReason,
            at: now
        )
    }

    private mutating func answeredBadly(
        count: UInt32,
        rules: HealthSettings.Rules,
        at now: MonotonicInstant
    ) {
        self.statusFailures = self.statusFailures.addingSaturated(count)
        self.failed(count: count)
        if rules.httpFailures > 0, self.statusFailures >= UInt32(clamping: rules.httpFailures) {
            self.exclude(.threshold, .unhealthyStatus, at: now)
        }
    }

    /// Counts failures in a row for the user's circuit breaker; among successes of one batch they are
    /// taken for evenly spread.
    private mutating func countForBreaker(
        _ failed: UInt32,
        of seen: TargetObservation,
        at now: MonotonicInstant
    ) {
        guard self.breaker.failures > 0 else { return }
        let good = seen.answers &- seen.gatewayFailures
        self.failuresInRow =
            good == 0 ? self.failuresInRow.addingSaturated(failed) : failed / (good &+ 1)
        guard self.failuresInRow >= UInt32(clamping: self.breaker.failures) else { return }
        self.suspect(.breaker, .breaker, at: now)
    }

    /// Failed answers among good ones of one batch are taken for evenly spread.
    private mutating func countAnswers(
        failed: UInt32,
        of answers: UInt32,
        at now: MonotonicInstant
    ) {
        guard answers > 0 else { return }
        let good = answers &- failed
        self.badAnswers =
            good == 0 ? self.badAnswers.addingSaturated(failed) : failed / (good &+ 1)
        guard self.badAnswers >= Self.answerLimit, self.breaker.failures == 0 else { return }
        self.detect(.unhealthyStatus, at: now)
    }

    private mutating func countBreaks(
        of seen: TargetObservation,
        good: UInt32,
        rules: HealthSettings.Rules,
        at now: MonotonicInstant
    ) {
        let broken = seen.connectFailures.addingSaturated(seen.resets)
        guard broken > 0 else { return }
        self.failed(count: broken)
        self.breaks = good == 0 ? self.breaks.addingSaturated(broken) : broken / (good &+ 1)
        if rules.tcpFailures > 0, self.failures >= UInt32(clamping: rules.tcpFailures) {
            let isConnection = seen.connectFailures > 0
            self.exclude(
                isConnection ? .connection : .threshold,
                isConnection ? .connectFailed : .broken,
                at: now
            )
        } else if seen.connectFailures > 0 {
            self.suspect(.connection, .connectFailed, at: now)
            self.nothingListens()
        } else if self.breaks >= 2, self.breaker.failures == 0 {
            self.suspect(.detector, .broken, at: now)
        }
    }

    private mutating func countTimeouts(
        of seen: TargetObservation,
        rules: HealthSettings.Rules,
        at now: MonotonicInstant
    ) {
        guard seen.timeouts > 0 else { return }
        self.timeouts = self.timeouts.addingSaturated(seen.timeouts)
        self.failed(count: seen.timeouts)
        if rules.timeouts > 0, self.timeouts >= UInt32(clamping: rules.timeouts) {
            self.exclude(.threshold, .timedOut, at: now)
        } else if self.timeouts >= 2, self.breaker.failures == 0 {
            self.suspect(.detector, .timedOut, at: now)
        }
    }

    /// A check that passes ends what it disproves: connections every failed connection, an answer
    /// what the user's thresholds have said.
    private mutating func checkSucceeded(
        _ check: Check,
        isConnection: Bool,
        at now: MonotonicInstant
    ) {
        self.passesChecks = true
        self.failsChecks = false
        if isConnection, self.state != .up, self.ground != .connection { return }
        self.successes = self.successes.addingSaturated(1)
        if self.state == .up {
            self.cause = .answering
            self.hasAnswered = true
            self.clearFailures()
            return
        }
        guard self.ground != .detector, self.ground != .breaker else { return }
        let wanted = check.rules.successes > 0 ? UInt32(clamping: check.rules.successes) : 3
        switch self.state {
        case .suspect where self.ground == .connection: break
        case .suspect, .down, .trial, .up: guard self.successes >= wanted else { return }
        }
        guard self.mayReturn(check.timing, at: now) else { return }
        self.recover(at: now)
    }

    private mutating func checkFailed(
        _ reason: HealthReason,
        limit: Int,
        _ check: Check,
        at now: MonotonicInstant
    ) {
        self.passesChecks = false
        self.failsChecks = true
        self.failed(count: 1)
        let isConnection = reason == .connectFailed || check.isConnectionOnly
        let ground: Ground = isConnection ? .connection : .threshold
        switch self.state {
        case .up:
            let isProof = check.isExpected && reason != .unhealthyStatus
            let needed = isProof ? 1 : (limit > 0 ? UInt32(clamping: limit) : 2)
            if self.failures >= needed { self.exclude(ground, reason, at: now) }
        case .suspect:
            self.exclude(self.ground == .detector ? .detector : ground, reason, at: now)
        case .trial: self.exclude(self.ground, reason, at: now)
        case .down: break
        }
        if reason == .connectFailed { self.nothingListens() }
    }

    /// Notes that what our detectors took out of use refuses connections.
    ///
    /// What brings it back stays the same: that it listens again disproves nothing that they saw.
    private mutating func nothingListens() {
        guard self.state != .up, self.ground == .detector else { return }
        self.isRefused = true
    }

    private mutating func failed(count: UInt32) {
        self.failures = self.failures.addingSaturated(count)
        self.successes = 0
    }

    private mutating func suspect(
        _ ground: Ground,
        _ reason: HealthReason,
        at now: MonotonicInstant
    ) {
        guard self.state == .up else { return }
        self.leave(ground, reason, at: now)
        self.state = .suspect(since: now)
    }

    private mutating func exclude(
        _ ground: Ground,
        _ reason: HealthReason,
        at now: MonotonicInstant
    ) {
        switch self.state {
        case .up, .trial: self.leave(ground, reason, at: now)
        case .suspect, .down:
            // An operator's word outlives what checks and traffic say against the target.
            guard ground == .word || self.ground != .word else { break }
            if ground == .word || self.ground != .breaker { self.ground = ground }
            if ground == .word { (self.isRefused, self.isSilent) = (false, false) }
            self.cause = reason
        }
        if case .down = self.state { return }
        self.state = .down(since: now)
    }

    /// Goes out of use; the more often lately, the longer.
    private mutating func leave(
        _ ground: Ground,
        _ reason: HealthReason,
        at now: MonotonicInstant
    ) {
        if let upSince = self.upSince {
            let minutes = Int(upSince.duration(to: now) / .seconds(60))
            self.strikes = max(0, self.strikes - max(0, minutes))
            self.upSince = nil
        }
        self.strikes = min(self.strikes + 1, Self.strikeLimit + 1)
        self.leftAt = now
        self.ground = ground
        self.cause = reason
        self.isProven = false
        self.isRefused = false
    }

    private mutating func recover(at now: MonotonicInstant) {
        self.state = .up
        self.cause = .answering
        self.isRefused = false
        self.isSilent = false
        self.upSince = now
        self.hasAnswered = true
        self.evidence.clear()
        self.failuresInRow = 0
        self.clearFailures()
    }

    private mutating func clearFailures() {
        self.failures = 0
        self.timeouts = 0
        self.statusFailures = 0
        self.breaks = 0
    }
}
