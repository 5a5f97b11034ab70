internal import MeshDissemination
public import MeshPrimitives

/// What this node says.
extension ObservationTable {
    /// Nodes of a region that hear all counts at once: two that judge alike exclude a target, the rest is
    /// for loss.
    private static let judgeCount = 16
    /// Bytes that a seal, an envelope, UDP and IP add to a datagram.
    private static let envelopeByteCount = 100

    /// Sets what the node says of itself; told at once when it changed.
    public mutating func setState(_ state: NodeState, at now: MonotonicInstant) -> [Effect] {
        guard self.own.values[.state]?.observation != .state(state) else { return [] }
        return self.finish(self.sayUrgently([.state(state)], at: now), at: now)
    }

    /// Sets how busy the node is; told with the next renewal.
    public mutating func setLoad(_ load: NodeLoad) { self.ownLoad = load }

    /// Sets what the node, as a relay, sees of regions; no more of them than
    /// ``RegionSummary/countLimit``.
    public mutating func setRegions(
        _ regions: [RegionSummary],
        at now: MonotonicInstant
    ) -> [Effect] {
        let regions = Array(regions.prefix(RegionSummary.countLimit))
        let before = self.own.values[.regions]?.observation
        guard before != .regions(regions), before != nil || !regions.isEmpty else { return [] }
        return self.finish(self.sayUrgently([.regions(regions)], at: now), at: now)
    }

    /// Sets which returns of traffic to regions this node runs; no more of them than
    /// ``RegionReturn/countLimit``.
    public mutating func setReturns(
        _ returns: [RegionReturn],
        at now: MonotonicInstant
    ) -> [Effect] {
        let returns = Array(returns.prefix(RegionReturn.countLimit))
        let before = self.own.values[.returns]?.observation
        guard before != .returns(returns), before != nil || !returns.isEmpty else { return [] }
        return self.finish(self.sayUrgently([.returns(returns)], at: now), at: now)
    }

    /// Sets what the node says of targets that are not plainly up; see ``VoteNews`` for when it is told.
    ///
    /// A vote of a node that does not check the target is kept back while enough others say so, see
    /// ``ObservationConfiguration/voteRedundancy``.
    ///
    /// - Parameters:
    ///   - votes: all of them; those beyond ``ObservationConfiguration/ownerLimit`` are not told.
    ///   - now: the current moment.
    /// - Returns: what to do next.
    public mutating func setVotes(_ votes: ObserverVotes, at now: MonotonicInstant) -> [Effect] {
        self.ownVotes = votes
        self.held = self.held.filter { votes.votes[$0] != nil }
        self.silenced = self.silenced.filter { votes.votes[$0] != nil }
        self.raised = self.raised.filter { votes.votes[$0] != nil }
        self.sumsAreOld = true
        return self.finish(self.sayVotes(at: now), at: now)
    }

    /// What is new of the own votes, by how soon it must be told.
    private struct VoteNews {
        /// What is told to all directly.
        var changes: [Observation] = []
        /// Whether some of it speaks more against a target, or against this node, or for a target against
        /// which this node spoke, or has become the word of a checker.
        var isPressing = false
        /// Whether this node's votes are to count no more, or again.
        var turnsAbstaining = false
        /// Whether an own vote against a target is taken back.
        var takesBack = false
        /// Counts, new ones and no more; to others than the judges they come with what is told next.
        var counts: [Observation] = []
        /// Those of them that count more failures: told directly to the judges, a few nodes, the same for
        /// all, who see by it what no node sees alone.
        var rising: [Observation] = []

        var isEmpty: Bool { self.changes.isEmpty && self.counts.isEmpty }

        /// Adds a vote that says something else than the one told before.
        mutating func change(_ vote: TargetVote, on target: TargetID, from told: TargetVote?) {
            self.changes.append(.vote(target, vote))
            let before = told?.stance ?? .up
            let isWorse = vote.stance.rawValue > before.rawValue
            let isRefuting = before != .up && vote.stance == .up
            let isNewChecker = vote.isChecker && told?.isChecker != true
            self.isPressing = self.isPressing || isWorse || isRefuting || isNewChecker
            self.takesBack = self.takesBack || isRefuting
        }
    }

    private mutating func voteNews() -> VoteNews {
        var news = VoteNews()
        let votes = self.ownVotes
        let isAbstaining = self.own.values[.abstaining]?.observation == .abstaining(true)
        if votes.isAbstaining != isAbstaining {
            news.changes.append(.abstaining(votes.isAbstaining))
            news.isPressing = true
            news.turnsAbstaining = true
        }
        for (target, vote) in votes.votes.sorted(by: { $0.key < $1.key }) {
            let published = self.published(target)
            guard published != vote else { continue }
            let isFirst = published == nil && vote.stance == .up && vote.failures > 0
            if isFirst || published?.means(vote) == true {
                news.counts.append(.vote(target, vote))
                let isMore = vote.stance == .up && vote.failures > published?.failures ?? 0
                if isMore { news.rising.append(.vote(target, vote)) }
            } else if published != nil || self.raised.contains(target)
                || self.mustSpeak(vote, on: target)
            {
                news.change(vote, on: target, from: published)
            } else if !self.silenced.contains(target) {
                self.held.insert(target)
            }
        }
        guard self.configuration.flaw != .neverWithdraws else { return news }
        let withdrawn = self.own.values.keys.compactMap { subject -> TargetID? in
            guard case .vote(let target) = subject, votes.votes[target] == nil else { return nil }
            return target
        }
        for target in withdrawn.sorted() {
            switch self.published(target)?.stance {
            case .up?: news.counts.append(.vote(target, nil))
            case .suspect?, .down?:
                news.changes.append(.vote(target, nil))
                news.takesBack = true
            case nil: continue
            }
        }
        return news
    }

    /// Says what is new of the own votes when its time has come; one word holds all that is.
    mutating func sayVotes(at now: MonotonicInstant) -> [Effect] {
        let news = self.voteNews()
        self.nextVotes = nil
        guard !news.isEmpty else { return [] }
        let due = self.wordDue(news, at: now)
        guard due > now || news.changes.isEmpty else {
            self.votesSaidAt = now
            self.raised = []
            let base = self.own.version
            let effects = self.sayUrgently(news.changes + news.counts, at: now)
            if news.isPressing { self.repeatSoon(after: base, at: now) }
            return self.spent(effects, at: now)
        }
        if !news.changes.isEmpty { self.nextVotes = due }
        guard !news.counts.isEmpty else { return [] }
        let isRising = !news.rising.isEmpty
        let countPause =
            isRising ? self.configuration.countInterval : self.configuration.reportInterval
        let countsDue = max(
            self.countsSaidAt?.advanced(by: countPause) ?? now,
            self.wordBudget.due(at: now)
        )
        guard countsDue <= now else {
            self.nextVotes = min(self.nextVotes ?? countsDue, countsDue)
            return []
        }
        self.countsSaidAt = now
        let counts = isRising ? news.rising : news.counts
        return self.spent(self.sayCounts(counts, directly: isRising, at: now), at: now)
    }

    /// When what is new of the own votes may be told to all.
    ///
    /// Where words have cost too much, accusations wait; what takes them back waits less, and that the
    /// own votes count no more does not wait.
    private func wordDue(_ news: VoteNews, at now: MonotonicInstant) -> MonotonicInstant {
        guard let saidAt = self.votesSaidAt else { return now }
        let pause =
            news.isPressing
            ? self.configuration.accusationInterval : self.configuration.withdrawalInterval
        let due = saidAt.advanced(by: pause)
        if news.turnsAbstaining { return due }
        let paidAt = self.wordBudget.due(at: now)
        guard news.takesBack else { return max(due, paidAt) }
        guard paidAt > now else { return due }
        let least = saidAt.advanced(by: self.configuration.withdrawalInterval)
        return max(due, least, paidAt.advanced(by: .zero - self.configuration.reportInterval))
    }

    /// Whether what another region says may be passed on at once: its cost may be paid off later, but not
    /// much.
    func mayPassOn(at now: MonotonicInstant) -> Bool {
        self.wordBudget.due(at: now) <= now.advanced(by: self.configuration.reportInterval)
    }

    /// Counts what words cost, with their envelopes.
    mutating func spent(_ effects: [Effect], at now: MonotonicInstant) -> [Effect] {
        for case .send(let message, _, .datagram) in effects {
            self.wordBudget.spend(message.wireByteCount + Self.envelopeByteCount, at: now)
        }
        return effects
    }

    /// Tells all what presses once more, since what a node misses of it waits for a round or two.
    private mutating func repeatSoon(after base: ObservationVersion, at now: MonotonicInstant) {
        self.repeatBase = min(self.repeatBase ?? base, base)
        let pause = self.configuration.accusationInterval * (1 + self.generator.nextUnit())
        self.nextRepeat = self.nextRepeat ?? now.advanced(by: pause)
    }

    /// Tells it when its time has come, unless too much is told anyway.
    mutating func repeatWord(at now: MonotonicInstant) -> [Effect] {
        self.nextRepeat = nil
        let base = self.repeatBase
        self.repeatBase = nil
        guard let base, self.tellsAll(isMesh: false), self.wordBudget.due(at: now) <= now else {
            return []
        }
        return self.spent(self.spreadWord(after: base, isMesh: false, at: now), at: now)
    }

    private mutating func sayCounts(
        _ counts: [Observation],
        directly isDirect: Bool,
        at now: MonotonicInstant
    ) -> [Effect] {
        let before = self.own.version
        _ = self.say(counts)
        self.queue(self.node, after: before.sequence, votes: true, .normal)
        guard isDirect else { return [] }
        let nodes = self.sampler.regional + [self.node]
        let judges = Relays.first(Self.judgeCount, in: self.sampler.region, among: nodes)
        return self.tell(judges, after: before, at: now)
    }

    /// Whether a vote is told at once: by those who check, and where everybody hears of it directly.
    private func mustSpeak(_ vote: TargetVote, on target: TargetID) -> Bool {
        vote.isChecker
            || (self.sampler.regionalCount <= self.configuration.frankPeerLimit
                && !self.isRedundant(target))
    }

    /// Whether enough others speak against a target.
    private func isRedundant(_ target: TargetID) -> Bool {
        (self.against[target]?.count ?? 0) >= self.configuration.voteRedundancy
    }

    /// The vote that peers have been told.
    func published(_ target: TargetID) -> TargetVote? {
        guard case .vote(_, let vote) = self.own.values[.vote(target)]?.observation else {
            return nil
        }
        return vote
    }

    /// Tells kept votes for which not enough others have spoken by now.
    mutating func speakUp(at now: MonotonicInstant) -> [Effect] {
        self.nextHeld = nil
        let (needless, needed) = (
            self.held.filter { self.isRedundant($0) }, self.held.filter { !self.isRedundant($0) }
        )
        // They are looked at again when somebody takes a vote back.
        self.counters.suppressed += UInt64(needless.count)
        self.silenced.formUnion(needless)
        self.raised.formUnion(needed)
        self.held = []
        return self.sayVotes(at: now)
    }

    /// Renews what this node says when it is time.
    mutating func report(at now: MonotonicInstant) {
        guard now >= self.nextReport else { return }
        self.nextReport = now.advanced(by: self.reportInterval)
        let before = self.own.say(.load(self.ownLoad))
        self.queue(self.node, after: before, votes: false, .normal)
    }

    /// Says several things, and tells them directly.
    mutating func sayUrgently(_ observations: [Observation], at now: MonotonicInstant) -> [Effect] {
        guard !observations.isEmpty else { return [] }
        let before = self.own.version
        let said = self.say(observations)
        let isMesh = said.contains { ObservationScope.mesh.covers($0) }
        let isRegional = said.contains { !ObservationScope.mesh.covers($0) }
        if isRegional { self.queue(self.node, after: before.sequence, votes: true, .urgent) }
        if isMesh { self.queue(self.node, after: before.sequence, votes: false, .urgent) }
        // What only some have heard since all were told, all hear now, or they would miss it.
        let base = min(before, ObservationVersion(boot: before.boot, sequence: self.toldUpTo))
        let effects = self.spreadWord(after: base, isMesh: isMesh, at: now)
        let isTold = self.toldUpTo == self.own.head
        if !isMesh, isTold, self.tellsAll(isMesh: false) { self.repeatLess(self.node) }
        return effects
    }

    /// Tells directly what this node has said, and notes up to where all have been told.
    private mutating func spreadWord(
        after base: ObservationVersion,
        isMesh: Bool,
        at now: MonotonicInstant
    ) -> [Effect] {
        let refused = self.counters.overBudget
        let effects = self.spread(self.node, after: base, isMesh: isMesh, except: nil, at: now)
        if self.counters.overBudget == refused { self.toldUpTo = self.own.head }
        return effects
    }

    /// Says what there is room for, and returns what that was about.
    private mutating func say(_ observations: [Observation]) -> [Observation.Subject] {
        observations.compactMap { observation in
            guard
                self.own.values[observation.subject] != nil
                    || self.own.values.count < self.configuration.ownerLimit
            else {
                self.counters.overLimit += 1
                return nil
            }
            self.own.say(observation)
            return observation.subject
        }
    }

    /// Sums up, as a relay, what the region says, when it has changed.
    mutating func sumUp(at now: MonotonicInstant) -> [Effect] {
        guard self.sumsAreOld else { return [] }
        self.sumsAreOld = false
        let rank = Relays.rank(
            of: self.node,
            in: self.sampler.region,
            among: self.sampler.regional
        )
        var sums: [TargetID: RegionVote] = [:]
        let hasOthers = self.sampler.count > self.sampler.regionalCount
        if let rank, hasOthers { sums = self.regionSums(least: rank + 1) }
        var changes: [Observation] = []
        for (target, sum) in sums.sorted(by: { $0.key < $1.key }) where self.sums[target] != sum {
            changes.append(.regionVote(target, sum))
        }
        for target in self.sums.keys.sorted() where sums[target] == nil {
            changes.append(.regionVote(target, nil))
        }
        self.sums = sums
        guard !changes.isEmpty else { return [] }
        let before = self.own.version
        _ = self.say(changes)
        self.queue(self.node, after: before.sequence, votes: false, .normal)
        return self.spent(self.spreadAcross(after: before, at: now), at: now)
    }

    /// Targets against which at least so many of the region speak.
    private func regionSums(least: Int) -> [TargetID: RegionVote] {
        var votes: [TargetID: [TargetVote]] = [:]
        for (target, accusers) in self.against {
            votes[target] = accusers.sorted().compactMap { self.vote(of: $0, on: target) }
        }
        if !self.ownVotes.isAbstaining {
            for (target, vote) in self.ownVotes.votes where vote.stance != .up {
                votes[target, default: []].append(vote)
            }
        }
        var sums: [TargetID: RegionVote] = [:]
        for (target, votes) in votes where votes.count >= least {
            guard let worst = votes.max(by: { $0.stance.rawValue < $1.stance.rawValue }) else {
                continue
            }
            // Coarse, and of equal reasons the one that was told, so that what wavers is no news.
            let against = UInt16(min(votes.count, Relays.count))
            let told = self.sums[target]?.reason
            let isStill = votes.contains { $0.stance == worst.stance && $0.reason == told }
            sums[target] = RegionVote(
                against: against,
                stance: worst.stance,
                reason: isStill ? told ?? worst.reason : worst.reason
            )
        }
        return sums
    }
}

/// Which nodes speak for their region.
public enum Relays {
    /// Nodes of one region that speak for it: 2.
    public static let count = 2

    /// The place of `node` among the relays of its region, from 0; `nil` when it is none.
    ///
    /// By rendezvous hashing over the nodes that are there: when one goes, another takes its place
    /// and no other changes.
    ///
    /// - Parameters:
    ///   - node: the node asked about.
    ///   - region: its region.
    ///   - others: the other nodes of the region that are there.
    /// - Returns: the place.
    public static func rank(of node: NodeID, in region: String, among others: [NodeID]) -> Int? {
        let salt = Self.salt(region)
        let own = Self.score(node, salt)
        var rank = 0
        for other in others where other != node && (Self.score(other, salt), other) > (own, node) {
            rank += 1
            if rank >= Self.count { return nil }
        }
        return rank
    }

    /// The first nodes of a region, of those that are there; the first ``count`` speak for it.
    static func first(_ count: Int, in region: String, among nodes: [NodeID]) -> [NodeID] {
        let salt = Self.salt(region)
        let scored = nodes.map { (score: Self.score($0, salt), node: $0) }
        return scored.sorted { ($0.score, $0.node) > ($1.score, $1.node) }.prefix(count)
            .map(\.node)
    }

    private static func salt(_ region: String) -> UInt64 {
        region.utf8.reduce(0) { SeededGenerator.mix($0 ^ UInt64($1)) }
    }

    private static func score(_ node: NodeID, _ salt: UInt64) -> UInt64 {
        SeededGenerator.mix(node.low ^ node.high ^ salt)
    }
}
