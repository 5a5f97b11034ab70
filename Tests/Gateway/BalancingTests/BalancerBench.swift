import MeshBalancing
import MeshPrimitives

/// Targets with the given weights; ids that no order gives away.
func targets(_ weights: [Int], groups: [Int] = [], salt: UInt64 = 0) -> [BalancerTarget] {
    weights.indices.map { index in
        BalancerTarget(
            id: targetID(index, salt: salt),
            weight: weights[index],
            group: index < groups.count ? groups[index] : 0
        )
    }
}

/// The identity of a test's target.
func targetID(_ index: Int, salt: UInt64 = 0) -> TargetID {
    TargetID(rawValue: SeededGenerator.mix(UInt64(index) &+ 1 &+ salt &* 1_000))
}

/// The set of the given indexes.
func tried(_ indexes: [Int]) -> TriedTargets {
    var set = TriedTargets()
    for index in indexes { set.insert(index) }
    return set
}

extension Balancer {
    /// A balancer with a plan of its own, for at most 65,534 targets.
    convenience init(
        algorithm: BalancingAlgorithm,
        targets: [BalancerTarget],
        seed: UInt64,
        loadBound: Double = 0
    ) {
        let plan = BalancerPlan(algorithm: algorithm, targets: targets, loadBound: loadBound)
        guard let plan else { fatalError("a test's balancer has too many targets") }
        self.init(plan, seed: seed)
    }

    /// How often each of `count` targets is picked in so many picks with different keys.
    func shares(of count: Int, picks: Int, tried: TriedTargets = TriedTargets()) -> [Int] {
        var shares = Array(repeating: 0, count: count)
        for key in 0..<picks {
            let index = self.pick(hash: UInt64(key), tried: tried)
            if index >= 0 { shares[index] += 1 }
        }
        return shares
    }
}

extension Balancer {
    /// Gives all requests to one group.
    func setActiveGroup(_ number: Int) {
        let all = self.plan.targets.map(\.group).filter { $0 >= number }.min() ?? 0
        self.setShares((0...all).map { $0 == all ? 1_000 : 0 })
    }
}
