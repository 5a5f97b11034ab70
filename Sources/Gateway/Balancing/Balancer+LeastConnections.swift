internal import MeshPrimitives

extension Balancer {
    /// Most targets that a pick compares one by one.
    private static let scanLimit = 32

    /// The least requests in flight for the weight: among all when busy, of two draws when idle.
    ///
    /// A full scan is best while this worker sees the load itself; with less than half a request in
    /// flight per target it knows next to nothing, and all nodes would herd on the same target.
    ///
    /// Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.
    func leastLoaded(
        in group: UnsafeMutablePointer<BalancerGroup>,
        tried: TriedTargets,
        among eligibility: Eligibility
    ) -> Int {
        // Changes at 0.6 and back at 0.4 requests per target, so that it does not flutter.
        let tenths = group.pointee.scansAll ? Int64(4) : 6
        let count = group.pointee.end - group.pointee.start
        group.pointee.scansAll =
            group.pointee.inFlight * 10 >= Int64(group.pointee.healthyCount) * tenths
        if group.pointee.scansAll, count <= Self.scanLimit {
            return self.leastLoadedOfAll(in: group, tried: tried, among: eligibility)
        }
        return self.leastLoadedOfTwo(in: group, tried: tried, among: eligibility)
    }

    private func leastLoadedOfAll(
        in group: UnsafeMutablePointer<BalancerGroup>,
        tried: TriedTargets,
        among eligibility: Eligibility
    ) -> Int {
        let start = group.pointee.start
        let end = group.pointee.end
        guard start < end else { return -1 }
        var place = start + self.generator.pointee.next(below: end - start)
        var best = -1
        var bestLoad: Int64 = 0
        var bestWeight: Int64 = 0
        for _ in start..<end {
            let slot = self.slots + place
            let weight = slot.pointee.weight(for: eligibility)
            let load = slot.pointee.inFlight + 1
            // load / weight < bestLoad / bestWeight without a division
            if weight > 0, best < 0 || load * bestWeight < bestLoad * weight,
                !tried.contains(Int(slot.pointee.index))
            {
                best = Int(slot.pointee.index)
                bestLoad = load
                bestWeight = weight
            }
            place += 1
            if place == end { place = start }
        }
        return best
    }

    private func leastLoadedOfTwo(
        in group: UnsafeMutablePointer<BalancerGroup>,
        tried: TriedTargets,
        among eligibility: Eligibility
    ) -> Int {
        var sum: Int64 = 0
        for place in group.pointee.start..<group.pointee.end {
            let slot = self.slots + place
            if tried.contains(Int(slot.pointee.index)) { continue }
            sum += slot.pointee.weight(for: eligibility)
        }
        guard sum > 0 else { return -1 }
        let first = self.draw(from: group, sum: sum, without: -1, tried, eligibility)
        guard first >= 0 else { return -1 }
        let one = self.slots[first]
        let rest = sum - one.weight(for: eligibility)
        guard rest > 0 else { return Int(one.index) }
        let second = self.draw(from: group, sum: rest, without: first, tried, eligibility)
        guard second >= 0 else { return Int(one.index) }
        let other = self.slots[second]
        let isOtherBetter =
            (other.inFlight + 1) * one.weight(for: eligibility)
            < (one.inFlight + 1) * other.weight(for: eligibility)
        return Int(isOtherBetter ? other.index : one.index)
    }

    /// Draws a slot with a chance in proportion to its weight.
    private func draw(
        from group: UnsafeMutablePointer<BalancerGroup>,
        sum: Int64,
        without excluded: Int,
        _ tried: TriedTargets,
        _ eligibility: Eligibility
    ) -> Int {
        var rest = Int64(self.generator.pointee.next(below: Int(sum)))
        for place in group.pointee.start..<group.pointee.end where place != excluded {
            let slot = self.slots + place
            if tried.contains(Int(slot.pointee.index)) { continue }
            rest -= slot.pointee.weight(for: eligibility)
            if rest < 0 { return place }
        }
        return -1
    }
}
