internal import MeshPrimitives

extension Balancer {
    /// Weighted round robin in virtual time: a target of share s is due s times in every round.
    ///
    /// Over one turn (the sum of the weights divided by their greatest common divisor) every
    /// target gets exactly its share, in any window, because the order repeats. Targets of equal
    /// weight are spread evenly over a step in an order shuffled once, so heavy targets do not come
    /// in bursts.
    ///
    /// Source: stride scheduling, Waldspurger and Weihl, 1995, with exact fractions.
    func takeTurn(in list: inout SlotList, tried: TriedTargets) -> Int {
        let slot = list.first(without: tried)
        guard slot >= 0 else { return -1 }
        self.slots[slot].takeStep()
        list.sink(slot)
        return Int(self.slots[slot].index)
    }

    /// Shuffles each group's targets of equal weight and begins at a random part of a round, so
    /// that nodes and workers do not move in step.
    func shuffleTurns() {
        for place in 0..<self.groupCount {
            let group = self.groups + place
            var start = group.pointee.start
            while start < group.pointee.end {
                let weight = self.slots[start].fullWeight
                var end = start + 1
                while end < group.pointee.end, self.slots[end].fullWeight == weight { end += 1 }
                self.spread(start..<end)
                start = end
            }
            let time = VirtualTime(
                round: 0,
                numerator: Int64(self.generator.pointee.next(below: 1 << 31)),
                denominator: 1 << 20
            )
            for slot in group.pointee.start..<group.pointee.end {
                self.slots[slot].wait(until: time)
            }
        }
    }

    private func spread(_ range: Range<Int>) {
        let order = self.generator.pointee.shuffle(Array(range))
        for (number, slot) in order.enumerated() {
            let part = (Int64(number) * 2 + 1) * BalancerSlot.phaseCount / Int64(2 * order.count)
            self.slots[slot].phase = Int32(truncatingIfNeeded: part)
            self.slots[slot].tie = UInt32(truncatingIfNeeded: number)
        }
    }
}

/// A moment of round robin: whole rounds and a fraction of one.
struct VirtualTime {
    let round: Int64
    /// In parts of a step (``BalancerSlot/phaseCount``); below 2³⁷.
    let numerator: Int64
    /// Steps of a round; below 2²⁶.
    let denominator: Int64
}

extension BalancerSlot {
    /// When the target is due next.
    @inline(__always)
    var due: VirtualTime {
        VirtualTime(
            round: self.round,
            numerator: self.step * Self.phaseCount + Int64(self.phase),
            denominator: self.share
        )
    }

    /// Whether this one is due first; never equal for two slots of one weight.
    ///
    /// A weight is below 2²⁶ units and a step has 2¹¹ parts, so the products stay below 2⁶³.
    @inline(__always)
    func isDue(before other: BalancerSlot) -> Bool {
        guard self.round == other.round else { return self.round < other.round }
        let mine = (self.step * Self.phaseCount + Int64(self.phase)) * other.share
        let theirs = (other.step * Self.phaseCount + Int64(other.phase)) * self.share
        return mine != theirs ? mine < theirs : self.tie < other.tie
    }

    /// Goes on to the next time it is due.
    @inline(__always)
    mutating func takeStep() {
        self.step += 1
        guard self.step >= self.share else { return }
        self.step = 0
        self.round += 1
    }

    /// Makes the target due for the first time at or after the given time.
    mutating func wait(until time: VirtualTime) {
        guard self.share > 0 else { return }
        let parts = time.numerator * self.share / time.denominator
        self.round = time.round
        self.step = max(0, (parts - Int64(self.phase) + Self.phaseCount - 1) / Self.phaseCount)
        guard self.step >= self.share else { return }
        self.step = 0
        self.round += 1
    }

    /// Keeps its place in the round when its share changes, to the nearest step.
    mutating func rescale(from old: Int64) {
        let parts = (self.step * Self.phaseCount + Int64(self.phase)) * self.share / old
        let nearest = (parts - Int64(self.phase) + Self.phaseCount / 2) / Self.phaseCount
        self.step = min(max(0, nearest), self.share - 1)
    }
}
