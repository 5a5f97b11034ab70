extension Balancer {
    /// Smooth weighted round robin: every target earns its weight, the richest pays the sum.
    ///
    /// Over one turn (the sum of the weights divided by their greatest common divisor) every
    /// target gets exactly its share, and heavy targets do not come in bursts.
    ///
    /// Source: nginx, `ngx_http_upstream_get_peer`, commit 52327e0 (2012).
    func takeTurn(
        in group: UnsafeMutablePointer<BalancerGroup>,
        tried: TriedTargets,
        among eligibility: Eligibility
    ) -> Int {
        let start = group.pointee.start
        let end = group.pointee.end
        let checksTried = !tried.isEmpty
        var sum: Int64 = 0
        var best = -1
        var bestCredit = Int64.min
        for place in start..<end {
            let slot = self.slots + place
            let weight = slot.pointee.weight(for: eligibility)
            guard weight > 0 else { continue }
            if checksTried, tried.contains(Int(slot.pointee.index)) { continue }
            sum += weight
            let credit = slot.pointee.credit + weight
            slot.pointee.credit = credit
            if credit > bestCredit {
                bestCredit = credit
                best = place
            }
        }
        guard best >= 0 else { return -1 }
        self.slots[best].credit -= sum
        return Int(self.slots[best].index)
    }
}
