internal import MeshPrimitives

extension Balancer {
    /// Most slots of the table that one key looks at.
    private static let probeLimit = 64

    /// The first target that takes the key in the key's own order of all targets: the slots of the
    /// table that it is scattered to, one after the other, then its ranking.
    ///
    /// The order knows nothing of health, so a target that comes back gets the very same keys, and
    /// nodes that disagree about one target's health disagree about its keys only. Targets stand in
    /// it by chance in proportion to their weight. Expected probes are one over the share of the
    /// targets that are fit; only when they are so few that no probe meets one are they ranked.
    ///
    /// A target over its bound that the key came to first is ``Balancer/passedOver``.
    func choiceOfKey(
        _ key: UInt64,
        in group: UnsafeMutablePointer<BalancerGroup>,
        tried: TriedTargets,
        among eligibility: Eligibility
    ) -> Int {
        let list = eligibility == .healthy ? group.pointee.healthy : group.pointee.doubtful
        guard list.count > 0 else { return -1 }
        var last = -1
        self.passedOver = -1
        if let table = group.pointee.table {
            var probe = key
            for _ in 0..<Self.probeLimit {
                let place = MaglevTables.slot(of: probe, count: group.pointee.tableCount)
                let slot = self.slotPlace(ofTarget: Int(table[place]))
                switch self.standing(of: slot, for: key, in: group, tried, eligibility) {
                case .welcome: return self.index(ofSlot: slot)
                case .full:
                    last = last < 0 ? slot : last
                    if self.passedOver < 0 { self.passedOver = self.index(ofSlot: slot) }
                case .last: last = last < 0 ? slot : last
                case .never: break
                }
                probe &+= 0x9E37_79B9_7F4A_7C15
            }
        }
        if last >= 0 {
            self.passedOver = -1
            return self.index(ofSlot: last)
        }
        return self.nextChoice(of: key, in: group, list, tried: tried, among: eligibility)
    }

    /// The healthy target with room that stands in for a lost one, or -1: the same at every node that
    /// finds the same targets healthy.
    ///
    /// - Parameters:
    ///   - key: the lost target's number.
    ///   - tried: targets that the request was already sent to.
    /// - Returns: the target's index, or -1.
    public func successor(of key: UInt64, tried: TriedTargets) -> Int {
        guard !self.order.pointee.isClosed else { return -1 }
        let start = self.order.pointee.start(SeededGenerator.mix(key))
        for step in 0..<self.groupCount {
            let group = self.groups + self.order.pointee.place(step, from: start)
            let list = group.pointee.healthy
            let choice = self.nextChoice(of: key, in: group, list, tried: tried, among: .healthy)
            if choice >= 0, self.slots[self.slotPlace(ofTarget: choice)].hasRoom { return choice }
        }
        return -1
    }

    private enum Standing {
        /// Healthy enough for this key and below its bound.
        case welcome
        /// Over its bound: only if nobody else takes the key.
        case full
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
        return self.isOverBound(slot, weight: weight, in: group) ? .full : .welcome
    }

    private func nextChoice(
        of key: UInt64,
        in group: UnsafeMutablePointer<BalancerGroup>,
        _ list: SlotList,
        tried: TriedTargets,
        among eligibility: Eligibility
    ) -> Int {
        var best = -1
        var bestScore = -Double.infinity
        var last = -1
        var lastScore = -Double.infinity
        for position in 0..<list.count {
            let place = list[position]
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
            } else if standing != .welcome, score > lastScore {
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
            group.pointee.inFlight >= 4 * Int64(group.pointee.healthy.count),
            group.pointee.weight > 0
        else { return false }
        let share = Double(weight) / Double(group.pointee.weight)
        // One more than now exceeds the bound rounded up exactly when now reaches the bound.
        let bound = self.loadBound * share * Double(group.pointee.inFlight + 1)
        return Double(slot.pointee.inFlight) >= bound
    }
}
