internal import MeshDissemination
public import MeshPrimitives

/// What this node says.
extension ObservationTable {
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

    /// Sets what the node says of targets that are not plainly up; what changed is told at once,
    /// what was only counted anew in its turn.
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
        var changes: [Observation] = []
        var renewals: [Observation] = []
        let isAbstaining = self.own.values[.abstaining]?.observation == .abstaining(true)
        if votes.isAbstaining != isAbstaining { changes.append(.abstaining(votes.isAbstaining)) }
        for (target, vote) in votes.votes.sorted(by: { $0.key < $1.key }) {
            let published = self.published(target)
            guard published?.means(vote) != true else {
                if published != vote { renewals.append(.vote(target, vote)) }
                continue
            }
            if published != nil || self.mustSpeak(vote, on: target) {
                changes.append(.vote(target, vote))
            } else if !self.silenced.contains(target) {
                self.held.insert(target)
            }
        }
        let withdrawn = self.own.values.keys.compactMap { subject -> TargetID? in
            guard self.configuration.flaw != .neverWithdraws, case .vote(let target) = subject,
                votes.votes[target] == nil,
                self.published(target) != nil
            else { return nil }
            return target
        }
        changes += withdrawn.sorted().map { .vote($0, nil) }
        self.held = self.held.filter { votes.votes[$0] != nil }
        self.silenced = self.silenced.filter { votes.votes[$0] != nil }
        self.sumsAreOld = true
        self.sayInTurn(renewals)
        return self.finish(self.sayUrgently(changes, at: now), at: now)
    }

    /// Says votes of which only counts have changed; they travel with ticks and rounds.
    private mutating func sayInTurn(_ renewals: [Observation]) {
        guard !renewals.isEmpty else { return }
        let before = self.own.head
        for renewal in renewals { self.own.say(renewal) }
        self.queue(self.node, after: before, votes: true, .normal)
    }

    /// Whether a vote is told at once: by those who check, and where everybody hears of it directly.
    private func mustSpeak(_ vote: TargetVote, on target: TargetID) -> Bool {
        vote.isChecker
            || (self.sampler.regionalCount <= self.configuration.directPeerLimit
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
        var changes: [Observation] = []
        for target in self.held.sorted() {
            guard let vote = self.ownVotes.votes[target], self.published(target) == nil else {
                self.held.remove(target)
                continue
            }
            guard !self.isRedundant(target) else { continue }
            self.held.remove(target)
            changes.append(.vote(target, vote))
        }
        // They are looked at again when somebody takes a vote back.
        self.counters.suppressed += UInt64(self.held.count)
        self.silenced.formUnion(self.held)
        self.held = []
        return self.sayUrgently(changes, at: now)
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
        let before = ObservationVersion(boot: self.own.boot, sequence: self.own.head)
        var isRegional = false
        var isMesh = false
        for observation in observations {
            guard
                self.own.values[observation.subject] != nil
                    || self.own.values.count < self.configuration.ownerLimit
            else {
                self.counters.overLimit += 1
                continue
            }
            self.own.say(observation)
            let isForAll = ObservationScope.mesh.covers(observation.subject)
            isMesh = isMesh || isForAll
            isRegional = isRegional || !isForAll
        }
        if isRegional { self.queue(self.node, after: before.sequence, votes: true, .urgent) }
        if isMesh { self.queue(self.node, after: before.sequence, votes: false, .urgent) }
        return self.spread(self.node, after: before, isMesh: isMesh, except: nil, at: now)
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
        return self.sayUrgently(changes, at: now)
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
        return votes.compactMapValues { votes in
            guard votes.count >= least,
                let worst = votes.max(by: { $0.stance.rawValue < $1.stance.rawValue })
            else { return nil }
            // Coarse, so that a count that wavers is no news.
            let against = UInt16(min(votes.count, self.configuration.voteRedundancy))
            return RegionVote(against: against, stance: worst.stance, reason: worst.reason)
        }
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
        var salt: UInt64 = 0
        for byte in region.utf8 { salt = SeededGenerator.mix(salt ^ UInt64(byte)) }
        let own = Self.score(node, salt)
        var rank = 0
        for other in others where other != node && (Self.score(other, salt), other) > (own, node) {
            rank += 1
            if rank >= Self.count { return nil }
        }
        return rank
    }

    private static func score(_ node: NodeID, _ salt: UInt64) -> UInt64 {
        SeededGenerator.mix(node.low ^ node.high ^ salt)
    }
}
