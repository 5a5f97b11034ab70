public import MeshPrimitives

/// Merges own traffic, own checks and other nodes' votes into one verdict per target, and shares
/// out the checking.
///
/// Pure: the shell carries out the effects and passes in the time. An input costs what it touches:
/// a due queue knows which target is due, so that nothing ever goes over all of them but a change of
/// the configuration; a change of the peers is taken up a hundred targets at a time. Losing every
/// peer lowers quality, never safety: own evidence alone excludes and brings back.
///
/// Own evidence decides at once. One peer's evidence lowers the weight and makes the target's
/// checkers check at once; peers exclude a target only when two of them agree, so that one node with
/// a bad network excludes nothing for others.
public struct HealthMachine: Sendable {
    /// What the shell must do next, in array order.
    public enum Effect: Equatable, Sendable {
        /// Carry out a check; answer with ``HealthMachine/finished(_:at:)``.
        case probe(ProbeRequest)
        /// Give the target this share of its weight: 0 none, 1 all; ``Swift/Float/drained`` and
        /// ``Swift/Float/disabled`` when an operator has taken it out.
        case factor(TargetID, Float)
        /// Refuse all requests of an upstream, since less than its `threshold` is left; or no longer.
        case closed(upstream: String, Bool)
        /// Let one request try the target although its share is 0.
        case trial(TrialOffer)
        /// ``HealthMachine/report`` says something new.
        case votesChanged
        /// The verdict changed, for people.
        case event(HealthEvent)
        /// So much of an upstream is out of use that doubtful targets serve again, or no longer.
        case panic(upstream: String, region: String, isPanicking: Bool)
        /// Call ``HealthMachine/wake(at:)`` no earlier than this; a newer wake replaces an older one.
        case wake(at: MonotonicInstant)
    }

    /// Most due targets that one wake takes: 512; the rest follows at once.
    static let wakeLimit = 512
    /// Targets whose checkers are found anew at a time: 128.
    static let sweepSize = 128

    /// A target as operators call it.
    struct TargetName: Hashable, Sendable {
        let upstream: String
        let target: String
    }

    /// Whether an upstream has fallen below the share that its user demands.
    struct Threshold: Sendable {
        var percent: Double
        var isClosed = false
    }

    struct Observer: Sendable {
        var isAbstaining: Bool
        /// When its word last changed.
        var saidAt: MonotonicInstant
        var votes: [TargetID: (vote: HealthVote, at: MonotonicInstant)]
    }

    let node: HealthPeer
    let timing: HealthTiming
    /// What to add to the own clock for the one that all nodes share.
    let fleetOffset: Duration
    var entries: [HealthEntry] = []
    /// Slot of each target.
    var slots: [TargetID: Int] = [:]
    var vacant: [Int] = []
    var pools: [HealthPool] = []
    /// By upstream, then by region.
    var poolSlots: [String: [String: Int]] = [:]
    var vacantPools: [Int] = []
    var due = DueQueue()
    var peers: Set<NodeID>
    /// What ``share`` was made of, the own node's record left out when it was not given.
    var sharers: Set<HealthPeer> = []
    var share: CheckerShare
    var observers: [NodeID: Observer] = [:]
    var ownVotes: [TargetID: HealthVote] = [:]
    /// What operators want of targets.
    var directives: [TargetName: TargetDirective.Kind] = [:]
    /// Capacity of the upstreams that have a `threshold`.
    var thresholds: [String: Threshold] = [:]
    var sequence: UInt64 = 0
    var isIsolated = false
    /// The next slot whose checkers must be found anew; `nil` when all are known.
    var sweep: Int?
    /// How many targets this node has evidence of, speaks against, and is contradicted about.
    var known = 0
    var accused = 0
    var contradicted = 0
    var isAbstaining = false
    /// Until when timeouts are taken for own lateness.
    var doubtUntil: MonotonicInstant?
    var counts = CountBudget()
    var votesNews: VotesNews = .none
    private var armed: MonotonicInstant?

    enum VotesNews {
        case none
        case counts
        case meaning
    }

    /// Creates a machine without targets; `node` counts as its own only peer until told otherwise.
    ///
    /// - Parameters:
    ///   - node: the own node.
    ///   - timing: the pace, the same on all nodes.
    ///   - fleetOffset: what to add to the times passed in for a clock that all nodes have about
    ///     in common; spreads the checks of several checkers over the interval.
    public init(node: HealthPeer, timing: HealthTiming, fleetOffset: Duration = .zero) {
        self.node = node
        self.timing = timing
        self.fleetOffset = fleetOffset
        self.peers = [node.id]
        self.share = CheckerShare(own: node, peers: [], perRegion: timing.checkersPerRegion)
    }

    /// What this node has to say; replaces what it said before.
    ///
    /// Linear in the number of votes.
    public var report: HealthReport {
        var report = HealthReport()
        report.isAbstaining = self.isAbstaining
        if !self.isAbstaining { report.votes = self.ownVotes }
        return report
    }

    /// Takes in what the workers saw; each may be the sum of several workers' batches.
    public mutating func observe(
        _ observations: [TargetObservation],
        at now: MonotonicInstant
    ) -> [Effect] {
        var effects: [Effect] = []
        // Judged when all is counted: what one is compared with must have been seen as late as it.
        let isDoubtful = self.isDoubtful(at: now)
        let known = observations.compactMap { seen -> (TargetObservation, Int)? in
            guard let slot = self.slots[seen.id] else { return nil }
            var seen = seen
            // What ran out of time while this node had no processor time proves nothing.
            if isDoubtful { seen.timeouts = 0 }
            return (seen, slot)
        }
        for (seen, slot) in known { self.observe(seen, slot, at: now) }
        for (seen, slot) in known { self.pools[self.entries[slot].pool].counted.add(seen) }
        for (_, slot) in known { self.settle(slot, into: &effects, at: now) }
        self.finish(into: &effects, at: now)
        return effects
    }

    /// Takes in the end of a check; late and unknown ones are ignored.
    ///
    /// One that was not carried out changes no verdict and is repeated after the usual interval.
    public mutating func finished(
        _ result: ProbeResult,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard let slot = self.slots[result.id],
            self.entries[slot].probeInFlight == result.sequence
        else { return [] }
        var effects: [Effect] = []
        self.check(slot, result.outcome, at: now)
        self.settle(slot, into: &effects, at: now)
        self.finish(into: &effects, at: now)
        return effects
    }

    /// Takes an operator's word for targets.
    ///
    /// One that is called unhealthy stays excluded here until it is called healthy or own checks
    /// bring it back; peers hear of it as of any other evidence.
    public mutating func mark(
        _ ids: [TargetID],
        isHealthy: Bool,
        at now: MonotonicInstant
    ) -> [Effect] {
        var effects: [Effect] = []
        for id in ids {
            guard let slot = self.slots[id] else { continue }
            self.entries[slot].watch.mark(isHealthy: isHealthy, at: now)
            self.entries[slot].contradictions = 0
            self.settle(slot, into: &effects, at: now)
        }
        self.finish(into: &effects, at: now)
        return effects
    }

    /// Takes over what operators want of targets, in place of what they wanted before.
    ///
    /// Linear in the number of targets when something has changed.
    public mutating func setDirectives(
        _ directives: [TargetDirective],
        at now: MonotonicInstant
    ) -> [Effect] {
        let wanted = Dictionary(
            directives.map { (TargetName(upstream: $0.upstream, target: $0.target), $0.kind) },
            uniquingKeysWith: { _, later in later }
        )
        guard wanted != self.directives else { return [] }
        self.directives = wanted
        var effects: [Effect] = []
        for slot in self.entries.indices where self.entries[slot].isLive {
            let directive = self.directive(for: self.entries[slot].target)
            guard directive != self.entries[slot].directive else { continue }
            self.entries[slot].directive = directive
            self.settle(slot, into: &effects, at: now)
        }
        self.finish(into: &effects, at: now)
        return effects
    }

    func directive(for target: HealthTarget) -> TargetDirective.Kind? {
        self.directives.isEmpty
            ? nil : self.directives[TargetName(upstream: target.upstream, target: target.name)]
    }

    /// Says whether most of the mesh is out of this node's reach; then its votes are withdrawn.
    public mutating func setIsolated(
        _ isIsolated: Bool,
        at now: MonotonicInstant
    ) -> [Effect] {
        self.isIsolated = isIsolated
        var effects: [Effect] = []
        self.finish(into: &effects, at: now)
        return effects
    }

    /// Moves on everything whose time has come; early and spurious wakes are harmless.
    ///
    /// A wake that is late by more than 250 ms says that this node had no processor time: for a
    /// second, timeouts are then no evidence.
    public mutating func wake(at now: MonotonicInstant) -> [Effect] {
        if let armed = self.armed, now > armed.advanced(by: HealthTiming.patience) {
            self.doubtUntil = now.advanced(by: .seconds(1))
        }
        self.armed = nil
        var effects: [Effect] = []
        self.sweepOn(into: &effects, at: now)
        for _ in 0..<Self.wakeLimit {
            guard let first = self.due.first, first.at <= now else { break }
            self.settle(first.slot, into: &effects, at: now)
        }
        self.finish(into: &effects, at: now)
        return effects
    }

    /// Whether what looks like a timeout is more likely this node's own lateness.
    func isDoubtful(at now: MonotonicInstant) -> Bool {
        self.doubtUntil.map { now < $0 } ?? false
    }

    /// Tells what the input has changed beyond single targets, and when to wake.
    mutating func finish(into effects: inout [Effect], at now: MonotonicInstant) {
        self.reconsiderTrust()
        let isNews = self.votesNews == .meaning || (self.votesNews == .counts && !self.isAbstaining)
        if isNews { effects.append(.votesChanged) }
        self.votesNews = .none
        var next = self.due.first?.at
        if self.sweep != nil { next = now }
        guard let next else { return }
        let moment = max(next, now.advanced(by: .milliseconds(1)))
        guard self.armed.map({ moment < $0 }) ?? true else { return }
        self.armed = moment
        effects.append(.wake(at: moment))
    }

    /// Whether this node should distrust its own network: it sees at least half of its targets (and
    /// at least four) failing, while for half of those another node sees an answer.
    ///
    /// It trusts itself again when less than half of its targets fail.
    private mutating func reconsiderTrust() {
        let isBad = self.accused >= 4 && self.accused * 2 >= self.known
        let isAlone = self.isAbstaining || self.contradicted * 2 >= self.accused
        let isAbstaining = self.isIsolated || (isBad && isAlone)
        guard isAbstaining != self.isAbstaining else { return }
        self.isAbstaining = isAbstaining
        self.votesNews = .meaning
    }
}

/// A chance for one request to show that a target is back.
public struct TrialOffer: Equatable, Sendable {
    /// The target.
    public let id: TargetID
    /// Only a request that begins before this takes it.
    public let until: MonotonicInstant
    /// Whether the request must be one that may be repeated elsewhere, while anything else is in use;
    /// `false` after 30 s in which no such request came, and for a user's circuit, whose half-open
    /// state lets any request through.
    public let isCautious: Bool
    /// How long the request waits for an answer before it goes elsewhere: 1 s at first, twice as
    /// long with every trial lost.
    public let patience: Duration

    /// Creates an offer.
    public init(
        id: TargetID,
        until: MonotonicInstant,
        isCautious: Bool,
        patience: Duration = .seconds(1)
    ) {
        self.id = id
        self.until = until
        self.isCautious = isCautious
        self.patience = patience
    }
}

/// How many votes may be told per second of which only counts have changed: 16, so that a mass
/// failure makes no more bytes than one.
struct CountBudget: Sendable {
    private var second: Int64 = 0
    private var used = 0

    mutating func take(at now: MonotonicInstant) -> Bool {
        let second = now.nanoseconds / 1_000_000_000
        if second != self.second {
            self.second = second
            self.used = 0
        }
        guard self.used < 16 else { return false }
        self.used += 1
        return true
    }
}
