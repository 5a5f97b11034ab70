public import MeshPrimitives

/// Merges own traffic, own checks and other nodes' reports into one verdict per target, and shares
/// out the checking.
///
/// Pure: the shell carries out the effects and passes in the time. Losing every peer lowers quality,
/// never safety: own evidence alone excludes and brings back.
///
/// Own evidence decides at once. One peer's evidence lowers the weight and makes the target's
/// checkers check at once; peers exclude a target only when two of them agree, so that one node with
/// a bad network excludes nothing for others.
public struct HealthTable: Sendable {
    /// What the shell must do next, in array order.
    public enum Effect: Equatable, Sendable {
        /// Carry out a check; answer with ``HealthTable/finished(_:at:)``.
        case probe(ProbeRequest)
        /// Share this node's report; it replaces the one before.
        case publish(HealthReport)
        /// Give the target this share of its weight: 0 none, 1 all.
        case factor(TargetID, Float)
        /// The verdict changed, for people.
        case event(HealthEvent)
        /// Call ``HealthTable/wake(at:)`` no earlier than this; a newer wake replaces an older one.
        case wake(at: MonotonicInstant)
    }

    struct Entry: Sendable {
        let target: HealthTarget
        let settings: HealthSettings
        var watch = TargetWatch()
        var isChecker = false
        var rank = 0
        var checkerCount = 1
        var nextProbe: MonotonicInstant?
        var probeInFlight: UInt64?
        var probeDeadline: MonotonicInstant?
        var transitionLeft = 0
        /// When somebody's traffic failed last; one failed check is proof enough for a while.
        var alarmedAt: MonotonicInstant?
        /// Own successes since a peer last began to speak against the target, for the rule that own
        /// fresh successes outweigh peers.
        var contradictions: UInt32 = 0
        var accusedAt: MonotonicInstant?
        var rampStart: MonotonicInstant?
        var factor: Float = 1
    }

    let node: HealthPeer
    let timing: HealthTiming
    var entries: [TargetID: Entry] = [:]
    /// Iteration order of ``entries``, so that runs repeat.
    var order: [TargetID] = []
    var peers: [HealthPeer]
    var remote: [NodeID: RemoteReport] = [:]
    var sequence: UInt64 = 0
    var nextReport: MonotonicInstant
    var published: HealthReport?

    struct RemoteReport: Sendable {
        let isAbstaining: Bool
        let receivedAt: MonotonicInstant
        let votes: [TargetID: HealthReport.Entry]
    }

    /// Creates a table without targets; `node` counts as its own only peer until told otherwise.
    public init(node: HealthPeer, timing: HealthTiming, at now: MonotonicInstant) {
        self.node = node
        self.timing = timing
        self.peers = [node]
        self.nextReport = now
    }

    /// Replaces the targets; those that stay keep their evidence.
    public mutating func configure(
        _ upstreams: [HealthUpstream],
        at now: MonotonicInstant
    ) -> [Effect] {
        var entries: [TargetID: Entry] = [:]
        var order: [TargetID] = []
        for upstream in upstreams {
            for target in upstream.targets where entries[target.id] == nil {
                var entry = Entry(target: target, settings: upstream.settings)
                if let known = self.entries[target.id] {
                    entry.watch = known.watch
                    entry.alarmedAt = known.alarmedAt
                    entry.rampStart = known.rampStart
                    entry.factor = known.factor
                }
                entries[target.id] = entry
                order.append(target.id)
            }
        }
        self.entries = entries
        self.order = order
        self.assignCheckers(at: now)
        // A new snapshot starts with every target at full weight: say all factors that differ.
        var effects: [Effect] = order.compactMap { id in
            guard let factor = entries[id]?.factor, factor != 1 else { return nil }
            return .factor(id, factor)
        }
        effects += self.settle(at: now)
        return effects
    }

    /// Replaces the nodes that share the checking; the own node may be among them.
    public mutating func setPeers(
        _ peers: [HealthPeer],
        at now: MonotonicInstant
    ) -> [Effect] {
        self.peers = peers.filter { $0.id != self.node.id } + [self.node]
        let alive = Set(self.peers.map(\.id))
        self.remote = self.remote.filter { alive.contains($0.key) }
        self.assignCheckers(at: now)
        return self.settle(at: now)
    }

    /// Takes in what the workers saw.
    public mutating func observe(
        _ observations: [TargetObservation],
        at now: MonotonicInstant
    ) -> [Effect] {
        for seen in observations {
            guard var entry = self.entries[seen.id] else { continue }
            entry.watch.observe(seen, rules: entry.settings.passive, at: now)
            if seen.answers > 0 { entry.contradict(count: seen.answers, at: now) }
            if seen.transportFailures > 0, seen.answers == 0 { entry.alarm(at: now) }
            self.entries[seen.id] = entry
        }
        return self.settle(at: now)
    }

    /// Takes in the end of a check; late and unknown ones are ignored.
    ///
    /// One that was not carried out changes no verdict and is repeated after the usual interval.
    public mutating func finished(
        _ result: ProbeResult,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard var entry = self.entries[result.id], entry.probeInFlight == result.sequence else {
            return []
        }
        entry.probeInFlight = nil
        entry.probeDeadline = nil
        guard result.outcome != .notCarriedOut else {
            entry.scheduleNextProbe(timing: self.timing, at: now)
            self.entries[result.id] = entry
            return self.settle(at: now)
        }
        let wasClean = entry.watch.failures == 0
        entry.watch.checked(
            result.outcome,
            rules: entry.settings.active.rules,
            isExpected: entry.isAlarmed(at: now),
            at: now
        )
        if wasClean != (entry.watch.failures == 0) { entry.transitionLeft = 10 }
        if entry.watch.failures == 0 { entry.contradict(count: 1, at: now) }
        entry.scheduleNextProbe(timing: self.timing, at: now)
        self.entries[result.id] = entry
        return self.settle(at: now)
    }

    /// Takes in a peer's report; reports of strangers are ignored.
    ///
    /// It stands until the next: whoever hands reports over says when one has grown too old, by an
    /// empty one.
    public mutating func receive(
        _ report: HealthReport,
        from observer: NodeID,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard observer != self.node.id, self.peers.contains(where: { $0.id == observer }) else {
            return []
        }
        let before = self.remote[observer]
        let votes = Dictionary(
            report.entries.map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        self.remote[observer] = RemoteReport(
            isAbstaining: report.isAbstaining,
            receivedAt: now,
            votes: votes
        )
        for (id, vote) in votes where vote.vote != .up && !report.isAbstaining {
            guard before?.votes[id]?.vote != vote.vote, self.entries[id] != nil else { continue }
            self.entries[id]?.alarm(at: now)
            self.entries[id]?.contradictions = 0
            self.entries[id]?.accusedAt = now
        }
        return self.settle(at: now)
    }

    /// Moves on everything whose time has come; early and spurious wakes are harmless.
    public mutating func wake(at now: MonotonicInstant) -> [Effect] { self.settle(at: now) }
}

extension HealthTable.Entry {
    /// How long one failed attempt makes one failed check proof enough: 3 s.
    private static var alarmSpan: Duration { .seconds(3) }

    mutating func alarm(at now: MonotonicInstant) {
        self.alarmedAt = now
        guard self.isChecker else { return }
        self.transitionLeft = 10
        self.nextProbe = now
    }

    /// Counts own successes against what peers say.
    ///
    /// The first 100 ms after an accusation do not count: what is reported then happened before.
    mutating func contradict(count: UInt32, at now: MonotonicInstant) {
        guard self.watch.vote == .up, let accusedAt = self.accusedAt,
            now >= accusedAt.advanced(by: .milliseconds(100))
        else { return }
        self.contradictions = self.contradictions &+ min(count, 1_000)
    }

    func isAlarmed(at now: MonotonicInstant) -> Bool {
        guard let alarmedAt = self.alarmedAt else { return false }
        return now < alarmedAt.advanced(by: Self.alarmSpan)
    }

    /// Whether own checks can end an exclusion that has the current reason.
    var canBeChecked: Bool {
        guard self.isChecker else { return false }
        if case .tcp = self.settings.active.check { return self.watch.reason == .connectFailed }
        return self.settings.active.healthyInterval > .zero
            || self.settings.active.unhealthyInterval > .zero
            || self.watch.reason == .connectFailed
    }

    mutating func scheduleNextProbe(timing: HealthTiming, at now: MonotonicInstant) {
        guard self.isChecker, let interval = self.probeInterval(timing: timing) else {
            self.nextProbe = nil
            return
        }
        self.nextProbe = now.advanced(by: interval)
    }

    private mutating func probeInterval(timing: HealthTiming) -> Duration? {
        let active = self.settings.active
        let isSettledUp = self.watch.vote == .up && self.watch.failures == 0
        let isRecovering = self.watch.vote != .up && self.watch.successes > 0
        let isFailing = self.watch.vote == .up && self.watch.failures > 0
        if self.transitionLeft > 0, isRecovering || isFailing {
            self.transitionLeft -= 1
            return timing.transitionInterval
        }
        if isSettledUp { return active.healthyInterval > .zero ? active.healthyInterval : nil }
        return active.unhealthyInterval > .zero ? active.unhealthyInterval : timing.recoveryInterval
    }
}
