import MeshPrimitives

/// All that the machine knows of one target.
struct HealthEntry: Sendable {
    /// What peers say, summed up.
    struct Tally: Equatable, Sendable {
        /// Who speaks against it.
        var against = 0
        /// Whether one of those has met failed connections.
        var isHard = false
        /// Whether a checker says that its checks fail.
        var failsChecks = false
        /// Who says that it answers although others speak against it.
        var refuting = 0
        /// The checkers among those.
        var refutingCheckers = 0
        /// The checkers that have said so since it went out of use here, and whether somebody has tried it
        /// since then; and when that was.
        var refutedBy = 0
        var isProven = false
        var leftAt: MonotonicInstant?
        /// Attempts of peers that have seen failures, and the failures among them.
        var attempts = 0.0
        var failures = 0.0
        var failing = 0
    }

    var target: HealthTarget
    /// How it is judged; one object for all that are judged alike.
    var manner: HealthManner
    var pool: Int
    var isLive = true
    /// What was seen of it; none while that is nothing, so that most targets cost no more.
    private var record: [TargetWatch] = []
    var part = CheckerShare.Part()
    var nextProbe: MonotonicInstant?
    var probeInFlight: UInt64?
    var probeDeadline: MonotonicInstant?
    var transitionLeft = 0
    var stance: HealthStance = .up
    /// When somebody's traffic failed last; one failed check is proof enough for a while.
    var alarmedAt: MonotonicInstant?
    var tally = Tally()
    /// Own successes since a peer last began to speak against the target, for the rule that own
    /// fresh successes outweigh peers.
    var contradictions: UInt32 = 0
    var accusedAt: MonotonicInstant?
    /// Until when one request may try it; `nil` when none may.
    var offeredUntil: MonotonicInstant?
    /// The share that slowness leaves it; `nil` when it is not slow.
    var slowFactor: Float?
    var rampStart: MonotonicInstant?
    var standing: HealthPool.Standing = .serving
    var factor: Float = 1
    var told: TargetVerdict = .healthy
    /// What an operator wants of it.
    var directive: TargetDirective.Kind?
    /// Where it stands, and since when.
    var stage: TargetStage = .unknown
    var stageSince = MonotonicInstant(nanoseconds: 0)
    /// When counts were told last.
    var countedAt: MonotonicInstant?
    /// Whether it is counted among those with evidence, those spoken against, those contradicted.
    var isKnown = false
    var isAccused = false
    var isContradicted = false

    init(_ target: HealthTarget, _ manner: HealthManner, pool: Int) {
        self.target = target
        self.manner = manner
        self.pool = pool
    }

    /// How it is judged.
    var settings: HealthSettings { self.manner.settings }

    /// What was seen of it.
    var watch: TargetWatch {
        get { self.record.first ?? self.manner.blank }
        _modify {
            if self.record.isEmpty { self.record = [self.manner.blank] }
            yield &self.record[0]
        }
    }

    /// Judges it otherwise from now on.
    mutating func judge(by manner: HealthManner) {
        self.manner = manner
        if self.isWatched { self.watch.breaker = manner.settings.breaker }
    }

    /// Whether anything was seen of it since it is judged as it is.
    var isWatched: Bool { !self.record.isEmpty }

    /// How long one failed attempt makes one failed check proof enough: 3 s.
    private static var alarmSpan: Duration { .seconds(3) }

    mutating func alarm(at now: MonotonicInstant) {
        self.alarmedAt = now
        guard self.part.rank != nil else { return }
        self.transitionLeft = 10
        self.nextProbe = now
    }

    /// Counts own successes against what peers say.
    ///
    /// The first 100 ms after an accusation do not count: what is reported then happened before.
    mutating func contradict(count: UInt32, at now: MonotonicInstant) {
        guard self.watch.stance == .up, let accusedAt = self.accusedAt,
            now >= accusedAt.advanced(by: .milliseconds(100))
        else { return }
        self.contradictions = self.contradictions &+ min(count, 1_000)
    }

    func isAlarmed(at now: MonotonicInstant) -> Bool {
        guard let alarmedAt = self.alarmedAt else { return false }
        return now < alarmedAt.advanced(by: Self.alarmSpan)
    }

    /// When slowness is forgiven that no window of answers has shown lately.
    var slowEnd: MonotonicInstant? {
        self.slowFactor == nil
            ? nil : self.watch.evidence.slowAt?.advanced(by: .seconds(30))
    }

    /// Where it stands now.
    var currentStage: TargetStage {
        switch self.directive {
        case .drain: return .draining
        case .disable: return .disabled
        case nil: break
        }
        switch self.watch.state {
        case .suspect: return .suspect
        case .down: return .down
        case .trial: return .trial
        case .up: break
        }
        if self.standing != .serving { return .down }
        if self.slowFactor != nil { return .slow }
        if self.rampStart != nil { return .ramp }
        return self.watch.hasAnswered ? .up : .unknown
    }

    /// Whether its checks only open a connection.
    var isConnectionOnly: Bool { self.settings.active.check == .tcp }

    mutating func scheduleProbe(
        timing: HealthTiming,
        fleetOffset: Duration,
        at now: MonotonicInstant
    ) {
        guard let rank = self.part.rank else {
            self.nextProbe = nil
            return
        }
        let active = self.settings.active
        let isRecovering = self.watch.stance != .up && self.watch.successes > 0
        let isFailing = self.watch.stance == .up && self.watch.failures > 0
        if self.transitionLeft > 0, isRecovering || isFailing {
            self.transitionLeft -= 1
            self.nextProbe = now.advanced(by: timing.transitionInterval)
        } else if self.watch.stance == .up {
            self.nextProbe = self.turn(rank, of: active.healthyInterval, fleetOffset, after: now)
        } else {
            let isSet = active.unhealthyInterval > .zero
            let interval = isSet ? active.unhealthyInterval : timing.recoveryInterval
            self.nextProbe = now.advanced(by: interval)
        }
    }

    /// The next moment of this node's turn to check, by a clock that all checkers share: they take
    /// turns within the interval, and no change of the configuration moves the turn.
    private func turn(
        _ rank: Int,
        of interval: Duration,
        _ fleetOffset: Duration,
        after now: MonotonicInstant
    ) -> MonotonicInstant? {
        let span = interval.saturatedNanoseconds
        guard span > 0 else { return nil }
        let part = max(1, span / Int64(self.part.checkers))
        let offset = Int64(self.target.id.rawValue >> 1) % part
        let phase = Int64(rank) * part + offset
        let shift = fleetOffset.saturatedNanoseconds
        let (shared, overflow) = now.nanoseconds.addingReportingOverflow(shift)
        let past = overflow ? now.nanoseconds % span : shared % span
        var wait = (phase - past) % span
        if wait <= 0 { wait += span }
        return now.advanced(by: .nanoseconds(wait))
    }
}
