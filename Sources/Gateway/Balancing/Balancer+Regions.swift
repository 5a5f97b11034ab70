/// What the regions of an upstream without limits bear; see ``BearableLoad``.
extension Balancer {
    /// Counts requests that await the head of an answer of a target, or do so no more.
    @inline(__always)
    public func awaits(_ change: Int, at index: Int) {
        guard self.groupCount > 1 else { return }
        self.group(ofTarget: index).pointee.awaited += Int64(change)
    }

    /// Takes in an answer that is no failure, before ``awaits(_:at:)`` takes its request back.
    ///
    /// - Parameters:
    ///   - microseconds: from sending the request to the head of the answer.
    ///   - index: the target's index.
    ///   - now: milliseconds on a clock that never goes back.
    @inline(__always)
    public func answered(microseconds: Int64, at index: Int, now: Int64) {
        guard self.groupCount > 1 else { return }
        let group = self.group(ofTarget: index)
        group.pointee.bearable.take(
            microseconds: microseconds,
            awaited: group.pointee.awaited,
            at: now
        )
    }

    /// Takes over what another balancer has learned of the regions of the same upstream.
    public func learn(from other: Balancer) {
        for place in 0..<self.groupCount {
            let group = self.groups + place
            let known = (0..<other.groupCount).first {
                other.groups[$0].number == group.pointee.number
            }
            guard let known, other.groups[known].fullWeight > 0 else { continue }
            let scale =
                Double(group.pointee.fullWeight) / Double(other.groups[known].fullWeight)
            group.pointee.bearable = other.groups[known].bearable.scaled(by: scale)
        }
    }

    /// A healthy target with room, of the group of another target or, where that has none, of a group that
    /// has a share or is open; -1 when there is none.
    ///
    /// Unlike ``pick(hash:tried:)`` it does not take those tried for failures of their group.
    public func pick(beside index: Int, tried: TriedTargets) -> Int {
        let own = self.group(ofTarget: index)
        if let choice = self.pickHealthy(in: own, tried: tried) { return choice }
        for step in 0..<self.groupCount {
            let place = self.order.pointee.place(step, from: 0)
            let group = self.groups + place
            guard group != own,
                step < self.order.pointee.activeCount || self.order.pointee.isOpen(place),
                let choice = self.pickHealthy(in: group, tried: tried)
            else { continue }
            return choice
        }
        return -1
    }

    private func pickHealthy(
        in group: UnsafeMutablePointer<BalancerGroup>,
        tried: TriedTargets
    ) -> Int? {
        guard group.pointee.healthy.count > 0 else { return nil }
        let choice = self.choose(in: group, hash: 0, tried: tried, among: .healthy)
        guard choice >= 0, self.slots[self.slotPlace(ofTarget: choice)].hasRoom else { return nil }
        return choice
    }

    @inline(__always)
    private func group(ofTarget index: Int) -> UnsafeMutablePointer<BalancerGroup> {
        self.groups + Int(self.slots[self.slotPlace(ofTarget: index)].group)
    }
}
