import MeshPrimitives

@testable import MeshBalancing

/// What a balancer may choose, found by looking at every target: the model of the fast one.
struct SlowBalancer {
    let targets: [BalancerTarget]
    var factors: [Float]
    var inFlight: [Int]
    var firstGroup = 0

    init(_ targets: [BalancerTarget]) {
        self.targets = targets
        self.factors = Array(repeating: 1, count: targets.count)
        self.inFlight = Array(repeating: 0, count: targets.count)
    }

    /// The weight now, as the balancer rounds it; 0 when excluded.
    func weight(_ index: Int) -> Double {
        let full = Double(min(max(self.targets[index].weight, 0), 65_535)) * 1_024
        guard self.factors[index] > 0, full > 0 else { return 0 }
        return max(1, (full * Double(min(self.factors[index], 1)) + 0.5).rounded(.down))
    }

    /// The targets among which the algorithm decides; empty when all were tried.
    func candidates(_ tried: TriedTargets) -> [Int] {
        let numbers = Set(self.targets.map(\.group)).sorted()
        let order =
            numbers.filter { $0 >= self.firstGroup } + numbers.filter { $0 < self.firstGroup }
        let start = order.isEmpty || order[0] < self.firstGroup ? numbers : order
        if !tried.isEmpty {
            for group in start where !self.isSpent(group, tried) {
                let found = self.members(group, tried).filter { self.weight($0) > 0 }
                if !found.isEmpty { return found }
            }
        }
        for group in start {
            let found = self.members(group, tried).filter { self.weight($0) > 0 }
            if !found.isEmpty { return found }
        }
        for group in start {
            let found = self.members(group, tried)
            if !found.isEmpty { return found }
        }
        return []
    }

    /// The candidates with the fewest requests in flight for their weight.
    func leastLoaded(_ tried: TriedTargets) -> [Int] {
        let candidates = self.candidates(tried)
        let loads = candidates.map { index in
            let weight = self.weight(index)
            return Double(self.inFlight[index] + 1)
                / (weight > 0 ? weight : Double(self.targets[index].weight) * 1_024)
        }
        guard let least = loads.min() else { return [] }
        return zip(candidates, loads).filter { $1 <= least * (1 + 1e-12) }.map(\.0)
    }

    private func members(_ group: Int, _ tried: TriedTargets) -> [Int] {
        self.targets.indices.filter {
            self.targets[$0].group == group && self.targets[$0].weight > 0 && !tried.contains($0)
        }
    }

    private func isSpent(_ group: Int, _ tried: TriedTargets) -> Bool {
        let members = self.targets.indices.filter { self.targets[$0].group == group }
        let full = members.reduce(0) { $0 + Double(max(0, self.targets[$1].weight)) * 1_024 }
        let now = members.reduce(0) { $0 + self.weight($1) }
        return now * 2 <= full || members.count { tried.contains($0) } >= 2
    }
}
