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

    @inline(__always)
    private func group(ofTarget index: Int) -> UnsafeMutablePointer<BalancerGroup> {
        self.groups + Int(self.slots[self.slotPlace(ofTarget: index)].group)
    }
}
