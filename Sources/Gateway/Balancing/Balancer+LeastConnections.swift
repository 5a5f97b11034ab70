internal import MeshPrimitives

extension Balancer {
    /// Most draws for a target that was not tried before.
    private static let drawLimit = 8

    /// The least requests in flight for the weight: among all when busy, of two draws when idle.
    ///
    /// The least of all is best while this worker sees the load itself; with less than half a
    /// request in flight per target it knows next to nothing, and all nodes would herd on the same
    /// target.
    ///
    /// Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.
    func leastLoaded(
        in group: UnsafeMutablePointer<BalancerGroup>,
        tried: TriedTargets,
        among eligibility: Eligibility
    ) -> Int {
        guard eligibility == .healthy else {
            return self.index(ofSlot: group.pointee.doubtful.first(without: tried))
        }
        if self.followsReports(group) {
            let choice = self.leastHot(in: group, tried: tried)
            if choice >= 0 { return choice }
        }
        // Changes at 0.6 and back at 0.4 requests per target, so that it does not flutter.
        let tenths = group.pointee.comparesAll ? Int64(4) : 6
        group.pointee.comparesAll =
            group.pointee.inFlight * 10 >= Int64(group.pointee.healthy.count) * tenths
        if !group.pointee.comparesAll {
            let choice = self.leastLoadedOfTwo(in: group, tried: tried)
            if choice >= 0 { return choice }
        }
        return self.index(ofSlot: group.pointee.healthy.first(without: tried))
    }

    /// Counts a request in or out and puts the target in its new place.
    func changeLoad(ofSlot slot: Int, by change: Int64) {
        self.slots[slot].inFlight += change
        if self.algorithm == .hcl, change > 0 {
            self.reports[slot].load &+= Int32(clamping: change)
        }
        let group = self.groups + Int(self.slots[slot].group)
        group.pointee.inFlight += change
        self.reorder(slot)
    }

    func reorder(_ slot: Int) {
        guard self.algorithm.countsLoad, self.slots[slot].fullWeight > 0 else { return }
        let group = self.groups + Int(self.slots[slot].group)
        self.slots[slot].tie = UInt32(truncatingIfNeeded: self.generator.pointee.next())
        if self.slots[slot].weight > 0 {
            group.pointee.healthy.settle(slot)
        } else if !self.slots[slot].isBarred {
            group.pointee.doubtful.settle(slot)
        }
    }

    /// The target's index of the less loaded of two draws; -1 when luck finds only tried ones.
    private func leastLoadedOfTwo(
        in group: UnsafeMutablePointer<BalancerGroup>,
        tried: TriedTargets
    ) -> Int {
        let first = self.draw(from: group, without: -1, tried)
        guard first >= 0 else { return -1 }
        guard group.pointee.healthy.count > 1 else { return self.index(ofSlot: first) }
        let second = self.draw(from: group, without: first, tried)
        guard second >= 0 else { return self.index(ofSlot: first) }
        var one = self.slots[first]
        var other = self.slots[second]
        if one.latency != other.latency, self.overlooks(one.latency, other.latency) {
            (one.latency, other.latency) = (1, 1)
        }
        let isOtherBetter = other.cost * one.weight < one.cost * other.weight
        return Int(isOtherBetter ? other.index : one.index)
    }

    /// Whether requests in flight alone decide between two targets: always when they are equally
    /// fast, once in 14 times when one takes three times as long.
    ///
    /// Without load nothing else would ever bring the slower one a request.
    private func overlooks(_ one: Int64, _ other: Int64) -> Bool {
        let ratio = Double(min(one, other)) / Double(max(one, other))
        let cube = ratio * ratio * ratio
        return self.generator.pointee.nextUnit() < 2 * cube / (1 + cube)
    }

    /// Draws a healthy slot with a chance in proportion to its weight, or -1.
    func draw(
        from group: UnsafeMutablePointer<BalancerGroup>,
        without excluded: Int,
        _ tried: TriedTargets
    ) -> Int {
        guard let sums = group.pointee.sums, group.pointee.weight > 0 else { return -1 }
        for _ in 0..<Self.drawLimit {
            let number = self.generator.pointee.next(below: Int(group.pointee.weight))
            let slot = group.pointee.start + sums.slot(at: Int64(number))
            guard slot != excluded, !tried.contains(Int(self.slots[slot].index)) else { continue }
            return slot
        }
        return -1
    }
}

extension BalancerSlot {
    /// Whether load for the weight is lower here, without a division; chance decides a tie.
    @inline(__always)
    func isLess(loadedThan other: BalancerSlot) -> Bool {
        let mine = self.cost * other.share
        let theirs = other.cost * self.share
        return mine != theirs ? mine < theirs : self.tie < other.tie
    }
}
