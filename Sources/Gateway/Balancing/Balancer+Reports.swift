internal import MeshPrimitives

extension Balancer {
    /// Fewest healthy targets among which reports decide; with fewer, all would run to the one that
    /// seems best.
    private static let leastReporting = 25
    /// Targets looked at for one request, as many as Prequal's pool holds answers.
    private static let looks = 16
    /// How long a report counts, in milliseconds.
    private static let reportAge: Int64 = 1_000
    /// Parts of one request in which loads are compared.
    private static let loadUnit: Int64 = 8

    /// Takes in how many requests a target says that it works on; only ``BalancingAlgorithm/hcl`` looks
    /// at it.
    ///
    /// - Parameters:
    ///   - load: 0 or more.
    ///   - index: the target's index.
    ///   - now: milliseconds, as of ``measured(microseconds:isFailure:at:now:)``.
    public func reported(load: Int, at index: Int, now: Int64) {
        guard self.algorithm == .hcl else { return }
        let slot = self.slotPlace(ofTarget: index)
        let group = self.groups + Int(self.slots[slot].group)
        if !self.reports[slot].isFresh { group.pointee.reporting += 1 }
        self.reports[slot] = LoadReport(
            load: Int32(max(0, min(load, 1_000_000))),
            isFresh: true,
            at: now
        )
        group.pointee.recentLoads.add(self.reportedLoad(ofSlot: slot, in: group))
    }

    /// Whether enough healthy targets report for reports to decide.
    @inline(__always)
    func followsReports(_ group: UnsafeMutablePointer<BalancerGroup>) -> Bool {
        guard self.algorithm == .hcl else { return false }
        let count = group.pointee.healthy.count
        return count >= Self.leastReporting && group.pointee.reporting * 2 >= count
    }

    /// Of some drawn targets the fastest that is not hot, or, when all are, the one with the least load;
    /// -1 when luck finds only tried ones.
    ///
    /// Who has not spoken for a second counts as one that takes what is usual and has what this worker
    /// sent there, so that a request asks it; the answer is its next report.
    ///
    /// Source: Prequal, section 4.2. Deviation: reports come with answers, and the last ones of drawn
    /// targets are looked at; there are no probes and no pool of their answers.
    func leastHot(in group: UnsafeMutablePointer<BalancerGroup>, tried: TriedTargets) -> Int {
        let limit = group.pointee.recentLoads.limit
        var best = -1
        var bestLatency = Int64.max
        var bestLoad = Int64.max
        for _ in 0..<Self.looks {
            let slot = self.draw(from: group, without: best, tried)
            guard slot >= 0 else { break }
            let load = self.reportedLoad(ofSlot: slot, in: group)
            let latency = load > limit ? Int64.max : self.slots[slot].latency
            guard latency < bestLatency || (latency == bestLatency && load < bestLoad) else {
                continue
            }
            (best, bestLatency, bestLoad) = (slot, latency, load)
        }
        return self.index(ofSlot: best)
    }

    /// Notes which reports of a group have grown old.
    func ageReports(of group: UnsafeMutablePointer<BalancerGroup>, at now: Int64) {
        guard self.algorithm == .hcl else { return }
        var count = 0
        for slot in group.pointee.start..<group.pointee.end {
            let isFresh = now &- self.reports[slot].at <= Self.reportAge
            self.reports[slot].isFresh = isFresh
            if isFresh, self.slots[slot].weight > 0 { count += 1 }
        }
        group.pointee.reporting = count
    }

    /// What a target has to do, as if it had the mean weight.
    @inline(__always)
    private func reportedLoad(
        ofSlot slot: Int,
        in group: UnsafeMutablePointer<BalancerGroup>
    ) -> Int64 {
        let report = self.reports[slot]
        let load = report.isFresh ? Int64(report.load) : self.slots[slot].inFlight
        let count = Int64(max(1, group.pointee.end - group.pointee.start))
        let mean = group.pointee.fullWeight / count
        let weight = max(1, self.slots[slot].weight)
        return weight == mean
            ? load * Self.loadUnit : min(load, 1_000_000) * Self.loadUnit * mean / weight
    }
}
