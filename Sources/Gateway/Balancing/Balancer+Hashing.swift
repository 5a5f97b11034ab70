extension Balancer {
    /// The key's slot in the table; if that target cannot take it, the first that can in the order
    /// of the key's own ranking.
    ///
    /// The table knows nothing of health, so a target that comes back gets the very same keys, and
    /// nodes that disagree about one target's health disagree about its keys only.
    func choiceOfKey(
        _ key: UInt64,
        in group: UnsafeMutablePointer<BalancerGroup>,
        tried: TriedTargets,
        among eligibility: Eligibility
    ) -> Int {
        if let table = group.pointee.table {
            let target = Int(table[MaglevTables.slot(of: key, count: group.pointee.tableCount)])
            let first = self.slotPlace(ofTarget: target)
            if self.standing(of: first, for: key, in: group, tried, eligibility) == .welcome {
                return target
            }
        }
        return self.nextChoice(of: key, in: group, tried: tried, among: eligibility)
    }

    private enum Standing {
        /// Healthy enough for this key and below its bound.
        case welcome
        /// Only if nobody else takes the key.
        case last
        /// Excluded, tried or without weight.
        case never
    }

    private func standing(
        of place: Int,
        for key: UInt64,
        in group: UnsafeMutablePointer<BalancerGroup>,
        _ tried: TriedTargets,
        _ eligibility: Eligibility
    ) -> Standing {
        let slot = self.slots + place
        let weight = slot.pointee.weight(for: eligibility)
        guard weight > 0, !tried.contains(Int(slot.pointee.index)) else { return .never }
        if eligibility == .healthy, slot.pointee.factor < 1,
            Rendezvous.position(key: key, target: slot.pointee.id) >= slot.pointee.factor
        {
            return .last
        }
        return self.isOverBound(slot, weight: weight, in: group) ? .last : .welcome
    }

    private func nextChoice(
        of key: UInt64,
        in group: UnsafeMutablePointer<BalancerGroup>,
        tried: TriedTargets,
        among eligibility: Eligibility
    ) -> Int {
        var best = -1
        var bestScore = -Double.infinity
        var last = -1
        var lastScore = -Double.infinity
        for place in group.pointee.start..<group.pointee.end {
            let standing = self.standing(of: place, for: key, in: group, tried, eligibility)
            guard standing != .never else { continue }
            let slot = self.slots + place
            let score = Rendezvous.score(
                key: key,
                target: slot.pointee.id,
                weight: Double(slot.pointee.fullWeight)
            )
            if standing == .welcome, score > bestScore {
                bestScore = score
                best = Int(slot.pointee.index)
            } else if standing == .last, score > lastScore {
                lastScore = score
                last = Int(slot.pointee.index)
            }
        }
        return best >= 0 ? best : last
    }

    /// Whether one more request would lift the target above its bound.
    ///
    /// Below four requests per target the bound is noise and does not count.
    ///
    /// Source: Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2018.
    private func isOverBound(
        _ slot: UnsafeMutablePointer<BalancerSlot>,
        weight: Int64,
        in group: UnsafeMutablePointer<BalancerGroup>
    ) -> Bool {
        guard self.loadBound > 0,
            group.pointee.inFlight >= 4 * Int64(group.pointee.healthyCount),
            group.pointee.weight > 0
        else { return false }
        let share = Double(weight) / Double(group.pointee.weight)
        // One more than now exceeds the bound rounded up exactly when now reaches the bound.
        let bound = self.loadBound * share * Double(group.pointee.inFlight + 1)
        return Double(slot.pointee.inFlight) >= bound
    }
}
