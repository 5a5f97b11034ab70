public import MeshPrimitives

extension HealthMachine {
    /// Replaces the targets; those that stay keep their evidence, schedule, verdict and ramp.
    ///
    /// Linear in the number of targets.
    public mutating func configure(
        _ upstreams: [HealthUpstream],
        at now: MonotonicInstant
    ) -> [Effect] {
        let wanted = Set(upstreams.lazy.flatMap(\.targets).map(\.id))
        let gone = self.entries.lazy.filter { $0.isLive && !wanted.contains($0.target.id) }
        return self.configure(changed: upstreams, gone: gone.map(\.target.id), at: now)
    }

    /// Takes over what has changed of the targets; of the rest everything stays.
    ///
    /// Linear in the number of these targets.
    ///
    /// - Parameters:
    ///   - upstreams: those of which anything has changed, with all their targets.
    ///   - gone: targets that are no more.
    ///   - now: the current moment.
    /// - Returns: what the shell must do next.
    public mutating func configure(
        changed upstreams: [HealthUpstream],
        gone: [TargetID],
        at now: MonotonicInstant
    ) -> [Effect] {
        var effects: [Effect] = []
        var thresholds: [String: Double] = [:]
        for id in gone {
            guard let slot = self.slots[id] else { continue }
            thresholds[self.entries[slot].target.upstream] = 0
        }
        var seen: Set<TargetID> = []
        var (added, changed): ([Int], [Int]) = ([], [])
        self.makeRoom(for: upstreams)
        // Most upstreams are judged alike: what is equal is kept in memory once.
        var manner = HealthManner(HealthSettings())
        for upstream in upstreams {
            if manner.settings != upstream.settings { manner = HealthManner(upstream.settings) }
            for target in upstream.targets where seen.insert(target.id).inserted {
                thresholds[target.upstream] = manner.settings.threshold
                if let slot = self.slots[target.id] {
                    if self.keep(slot, target, manner, into: &effects, at: now) {
                        changed.append(slot)
                    }
                } else {
                    added.append(self.add(target, manner, at: now))
                }
            }
        }
        for id in gone {
            guard let slot = self.slots[id] else { continue }
            self.remove(slot, into: &effects, at: now)
        }
        self.setThresholds(thresholds, into: &effects)
        // Judged when all is in its place: what is half taken over says nothing of what is left.
        for slot in changed where self.entries[slot].isLive {
            self.settle(slot, into: &effects, at: now)
        }
        for slot in added {
            self.retally(slot)
            // Who spoke against it before it was known here may be contradicted as anybody else.
            if self.entries[slot].tally.against > 0 { self.accuse(slot, at: now) }
            self.settle(slot, into: &effects, at: now)
        }
        for name in thresholds.keys.sorted() {
            for place in self.poolSlots[name, default: [:]].values.sorted() {
                self.reconsiderPanic(place, into: &effects, at: now)
            }
        }
        self.finish(into: &effects, at: now)
        return effects
    }

    /// Replaces the nodes that share the checking; the own node may be among them.
    ///
    /// Costs nothing when they are those of before; else who checks which target is found anew, some
    /// targets at a time.
    public mutating func setPeers(
        _ peers: [HealthPeer],
        at now: MonotonicInstant
    ) -> [Effect] {
        let sharers = Set(peers)
        guard sharers != self.sharers else { return [] }
        self.sharers = sharers
        var effects: [Effect] = []
        self.share = CheckerShare(
            own: self.node,
            peers: peers,
            perRegion: self.timing.checkersPerRegion
        )
        self.peers = Set(peers.map(\.id)).union([self.node.id])
        for id in self.observers.keys where !self.peers.contains(id) {
            self.forget(id, into: &effects, at: now)
        }
        self.sweep = 0
        self.sweepOn(into: &effects, at: now)
        self.finish(into: &effects, at: now)
        return effects
    }

    /// Finds the checkers of the next targets anew; checks that this node no longer makes end.
    mutating func sweepOn(into effects: inout [Effect], at now: MonotonicInstant) {
        guard let start = self.sweep else { return }
        let end = min(start + Self.sweepSize, self.entries.count)
        for slot in start..<max(start, end) where self.entries[slot].isLive {
            if self.assign(slot, at: now) { self.settle(slot, into: &effects, at: now) }
        }
        self.sweep = end < self.entries.count ? end : nil
    }

    /// Finds the own part in a target anew; `false` when it stays.
    private mutating func assign(_ slot: Int, at now: MonotonicInstant) -> Bool {
        let target = self.entries[slot].target
        let part = self.share.part(in: target.id, of: target.region)
        guard part != self.entries[slot].part else { return false }
        let wasChecker = self.entries[slot].part.rank != nil
        self.entries[slot].part = part
        if part.rank == nil, wasChecker {
            // One that is under way comes too late.
            (self.entries[slot].probeInFlight, self.entries[slot].probeDeadline) = (nil, nil)
            if self.entries[slot].isWatched { self.entries[slot].watch.forgetChecks() }
        }
        // A check that the state of the target asks for is not put off.
        let isRegular = self.entries[slot].watch.stance == .up
        if !wasChecker, part.rank != nil, !isRegular {
            self.entries[slot].nextProbe = now
        } else if isRegular || part.rank == nil {
            self.scheduleProbe(slot, at: now)
        }
        return true
    }

    /// Makes room once where many targets come together.
    private mutating func makeRoom(for upstreams: [HealthUpstream]) {
        let count = upstreams.reduce(0) { $0 + $1.targets.count }
        guard count > self.entries.count else { return }
        self.entries.reserveCapacity(self.entries.count + count)
        self.slots.reserveCapacity(self.slots.count + count)
    }

    private mutating func add(
        _ target: HealthTarget,
        _ manner: HealthManner,
        at now: MonotonicInstant
    ) -> Int {
        let pool = self.pool(HealthPool.Key(upstream: target.upstream, region: target.region))
        var entry = HealthEntry(target, manner, pool: pool)
        entry.part = self.share.part(in: target.id, of: target.region)
        entry.directive = self.directive(for: target)
        entry.stageSince = now
        let slot = self.vacant.popLast() ?? self.entries.count
        let others = self.pools[pool]
        // A newcomer among targets that have served for a while starts slowly.
        if let since = others.servesSince, now >= since.advanced(by: self.timing.ramp) {
            entry.rampStart = now
        }
        if slot == self.entries.count { self.entries.append(entry) }
        self.entries[slot] = entry
        self.slots[target.id] = slot
        self.pools[pool].add(slot, weight: target.weight)
        self.scheduleProbe(slot, at: now)
        return slot
    }

    /// Takes over what is new of a target; `true` when it must be judged again.
    private mutating func keep(
        _ slot: Int,
        _ target: HealthTarget,
        _ manner: HealthManner,
        into effects: inout [Effect],
        at now: MonotonicInstant
    ) -> Bool {
        var isJudgedAgain = false
        let factor = self.entries[slot].factor
        // The workers may have met the target as a new one.
        if factor != 1 { effects.append(.factor(target.id, factor)) }
        let before = self.entries[slot].target
        if before.weight != target.weight || before.region != target.region {
            let (old, standing) = (self.entries[slot].pool, self.entries[slot].standing)
            let pool = self.pool(HealthPool.Key(upstream: target.upstream, region: target.region))
            self.withdraw(slot)
            self.entries[slot].target = target
            self.entries[slot].pool = pool
            self.pools[pool].add(slot, weight: target.weight)
            self.pools[pool].move(slot, weight: target.weight, from: .serving, to: standing)
            if pool != old {
                self.vacateIfEmpty(old, into: &effects, at: now)
                self.entries[slot].watch.evidence.forgetOnset()
            }
            // Who checks it depends on the region, and a panic of its pool concerns it.
            _ = self.assign(slot, at: now)
            isJudgedAgain = pool != old
        }
        let (old, settings) = (self.entries[slot].settings, manner.settings)
        guard old != settings else { return isJudgedAgain }
        let isRescheduled =
            old.active.healthyInterval != settings.active.healthyInterval
            || old.active.unhealthyInterval != settings.active.unhealthyInterval
        self.entries[slot].judge(by: manner)
        if isRescheduled { self.scheduleProbe(slot, at: now) }
        return true
    }

    private mutating func remove(
        _ slot: Int,
        into effects: inout [Effect],
        at now: MonotonicInstant
    ) {
        let entry = self.entries[slot]
        self.withdraw(slot)
        self.vacateIfEmpty(entry.pool, into: &effects, at: now)
        if entry.isKnown { self.known -= 1 }
        if entry.isAccused { self.accused -= 1 }
        if entry.isContradicted { self.contradicted -= 1 }
        if self.ownVotes.removeValue(forKey: entry.target.id) != nil { self.votesNews = .meaning }
        self.slots[entry.target.id] = nil
        self.due.set(slot, to: nil)
        self.entries[slot].isLive = false
        self.vacant.append(slot)
    }

    /// Takes a target out of its pool.
    private mutating func withdraw(_ slot: Int) {
        let (pool, weight) = (self.entries[slot].pool, self.entries[slot].target.weight)
        self.pools[pool].move(
            slot,
            weight: weight,
            from: self.entries[slot].standing,
            to: .serving
        )
        self.pools[pool].remove(slot, weight: weight)
    }

    private mutating func vacateIfEmpty(
        _ pool: Int,
        into effects: inout [Effect],
        at now: MonotonicInstant
    ) {
        guard self.pools[pool].members.isEmpty else { return }
        self.reconsiderPanic(pool, into: &effects, at: now)
        let key = self.pools[pool].key
        self.poolSlots[key.upstream]?[key.region] = nil
        if self.poolSlots[key.upstream]?.isEmpty == true { self.poolSlots[key.upstream] = nil }
        self.vacantPools.append(pool)
    }

    /// Takes over the thresholds of some upstreams; 0: none.
    private mutating func setThresholds(
        _ percents: [String: Double],
        into effects: inout [Effect]
    ) {
        for (name, percent) in percents.sorted(by: { $0.key < $1.key }) {
            let isClosed = self.thresholds[name]?.isClosed ?? false
            guard percent > 0 else {
                self.thresholds[name] = nil
                if isClosed { effects.append(.closed(upstream: name, false)) }
                continue
            }
            self.thresholds[name] = Threshold(percent: percent, isClosed: isClosed)
            self.reconsiderThreshold(of: name, into: &effects)
        }
    }

    /// Looks whether an upstream has more than its threshold left.
    ///
    /// Source: Kong, `healthchecks.threshold`.
    mutating func reconsiderThreshold(of upstream: String, into effects: inout [Effect]) {
        guard let threshold = self.thresholds[upstream] else { return }
        var (whole, left) = (0, 0)
        for place in self.poolSlots[upstream, default: [:]].values {
            whole += self.pools[place].capacity.whole
            left += self.pools[place].capacity.left
        }
        let isClosed = Double(left) * 100 <= threshold.percent * Double(whole)
        guard isClosed != threshold.isClosed else { return }
        self.thresholds[upstream]?.isClosed = isClosed
        effects.append(.closed(upstream: upstream, isClosed))
    }

    private mutating func pool(_ key: HealthPool.Key) -> Int {
        if let known = self.poolSlots[key.upstream]?[key.region] { return known }
        let slot = self.vacantPools.popLast() ?? self.pools.count
        let pool = HealthPool(key)
        if slot == self.pools.count { self.pools.append(pool) }
        self.pools[slot] = pool
        self.poolSlots[key.upstream, default: [:]][key.region] = slot
        return slot
    }
}
