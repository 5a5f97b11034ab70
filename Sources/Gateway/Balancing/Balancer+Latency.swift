extension Balancer {
    /// Least time between two looks at all latencies of a group, in milliseconds.
    private static let agingPeriod: Int64 = 250
    /// Most targets whose latencies say what is usual.
    private static let sampleLimit = 33

    /// Takes in how long an attempt took, in O(log n); only ``BalancingAlgorithm/latency`` and
    /// ``BalancingAlgorithm/hcl`` look at it.
    ///
    /// A target that was never measured counts as one that takes what is usual. Now and then all
    /// targets of its group are looked at, the more rarely the more there are.
    ///
    /// - Parameters:
    ///   - microseconds: what an answer took; 1 ms … 65 s are told apart.
    ///   - isFailure: whether it failed, which counts as half a second at least.
    ///   - index: the target's index.
    ///   - now: milliseconds on a clock that never goes back.
    public func measured(microseconds: Int64, isFailure: Bool, at index: Int, now: Int64) {
        guard self.algorithm.measuresLatency else { return }
        let slot = self.slotPlace(ofTarget: index)
        let group = self.groups + Int(self.slots[slot].group)
        self.slots[slot].estimate.take(microseconds: microseconds, isFailure: isFailure, at: now)
        let period = max(Self.agingPeriod, Int64(group.pointee.end - group.pointee.start) / 10)
        if let agedAt = group.pointee.agedAt, now &- agedAt < period {
            return self.settleLatency(ofSlot: slot, usual: group.pointee.usualLatency)
        }
        self.age(group, at: now)
    }

    /// What is known of a target's latency.
    public func estimate(at index: Int) -> LatencyEstimate {
        self.slots[self.slotPlace(ofTarget: index)].estimate
    }

    /// Takes over what another balancer knew of a target's latency.
    public func setEstimate(_ estimate: LatencyEstimate, at index: Int) {
        guard self.algorithm.measuresLatency else { return }
        let slot = self.slotPlace(ofTarget: index)
        let group = self.groups + Int(self.slots[slot].group)
        self.slots[slot].estimate = estimate
        self.settleLatency(ofSlot: slot, usual: group.pointee.usualLatency)
    }

    /// Brings all latencies of a group up to date.
    private func age(_ group: UnsafeMutablePointer<BalancerGroup>, at now: Int64) {
        let passed = max(0, now &- (group.pointee.agedAt ?? now))
        group.pointee.agedAt = now
        if let usual = self.usualLatency(of: group) { group.pointee.usualLatency = usual }
        let usual = group.pointee.usualLatency
        for slot in group.pointee.start..<group.pointee.end where self.slots[slot].fullWeight > 0 {
            self.slots[slot].estimate.age(towards: usual, by: passed, at: now)
            self.settleLatency(ofSlot: slot, usual: usual)
        }
        self.ageReports(of: group, at: now)
    }

    /// The median of the targets' means, or of some of many, the lower of two; `nil` when none was
    /// measured.
    private func usualLatency(of group: UnsafeMutablePointer<BalancerGroup>) -> Int64? {
        let count = group.pointee.healthy.count
        let step = max(1, (count + Self.sampleLimit - 1) / Self.sampleLimit)
        return withUnsafeTemporaryAllocation(of: Int64.self, capacity: Self.sampleLimit) { room in
            var used = 0
            for position in stride(from: 0, to: count, by: step) {
                let mean = self.slots[group.pointee.healthy[position]].estimate.mean
                guard mean > 0 else { continue }
                room.initializeElement(at: used, to: mean)
                used += 1
            }
            guard used > 0 else { return nil }
            var means = UnsafeMutableBufferPointer(rebasing: room[..<used])
            means.sort()
            return means[(used - 1) / 2]
        }
    }

    private func settleLatency(ofSlot slot: Int, usual: Int64) {
        let known = self.slots[slot].estimate.latency(usual: usual)
        let latency = max(4, min(known / 250, BalancerSlot.latencyLimit))
        guard latency != self.slots[slot].latency else { return }
        self.slots[slot].latency = latency
        self.reorder(slot)
    }
}
