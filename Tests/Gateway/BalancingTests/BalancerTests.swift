import MeshBalancing
import MeshPrimitives
import Testing

@Suite("A balancer")
struct BalancerTests {
    static let algorithms: [BalancingAlgorithm] = [
        .roundRobin, .leastConnections, .consistentHashing(slots: 10_000),
    ]

    @Test("never picks a tried target and always finds the last one left", arguments: algorithms)
    func triesEachTargetOnce(algorithm: BalancingAlgorithm) {
        for seed in UInt64(0)..<20 {
            var generator = SeededGenerator(seed: seed)
            let count = 1 + generator.next(below: 20)
            let weights = (0..<count).map { _ in generator.next(below: 4) }
            let groups = (0..<count).map { _ in generator.next(below: 3) * 2 }
            let balancer = Balancer(
                algorithm: algorithm,
                targets: targets(weights, groups: groups),
                seed: seed
            )
            balancer.setActiveGroup(generator.next(below: 6))
            for index in 0..<count {
                balancer.setFactor([0, 0.3, 1][generator.next(below: 3)], at: index)
            }
            var seen = TriedTargets()
            let enabled = weights.count { $0 > 0 }
            for _ in 0..<enabled {
                let index = balancer.pick(hash: generator.next(), tried: seen)
                #expect(index >= 0 && !seen.contains(index), "seed \(seed)")
                guard index >= 0 else { return }
                #expect(weights[index] > 0, "seed \(seed)")
                seen.insert(index)
            }
            #expect(balancer.pick(hash: 1, tried: seen) == -1, "seed \(seed)")
        }
    }

    @Test(
        "prefers healthy targets of the active group, then later, then earlier groups",
        arguments: algorithms
    )
    func followsGroups(algorithm: BalancingAlgorithm) {
        let balancer = Balancer(
            algorithm: algorithm,
            targets: targets([1, 1, 1, 1], groups: [0, 1, 1, 7]),
            seed: 5
        )

        #expect(balancer.shares(of: 4, picks: 40) == [40, 0, 0, 0])
        balancer.setActiveGroup(1)
        #expect(balancer.shares(of: 4, picks: 40)[0] == 0)
        #expect(balancer.shares(of: 4, picks: 40)[3] == 0)
        balancer.setFactor(0, at: 1)
        balancer.setFactor(0, at: 2)
        #expect(balancer.shares(of: 4, picks: 40) == [0, 0, 0, 40])
        balancer.setFactor(0, at: 3)
        #expect(balancer.shares(of: 4, picks: 40) == [40, 0, 0, 0])
        balancer.setActiveGroup(99)
        #expect(balancer.shares(of: 4, picks: 40) == [40, 0, 0, 0])
        balancer.setFactor(0.1, at: 2)
        balancer.setActiveGroup(0)
        #expect(balancer.shares(of: 4, picks: 40) == [40, 0, 0, 0])
    }

    @Test(
        "lets requests begin with each group by its share, and keys where they were before",
        arguments: algorithms
    )
    func drawsGroups(algorithm: BalancingAlgorithm) {
        let balancer = Balancer(
            algorithm: algorithm,
            targets: targets([1, 1, 1], groups: [0, 1, 2]),
            seed: 8
        )
        balancer.setShares([700, 300, 0])
        var generator = SeededGenerator(seed: 1)
        let keys = (0..<10_000).map { _ in generator.next() }
        let first = keys.map { balancer.pick(hash: $0, tried: TriedTargets()) }
        let away = first.count { $0 == 1 }
        #expect((2_800...3_200).contains(away))
        #expect(!first.contains(2))
        balancer.setFactor(0, at: 1)
        #expect(keys.allSatisfy { balancer.pick(hash: $0, tried: TriedTargets()) == 0 })
        balancer.setFactor(0, at: 0)
        #expect(keys.allSatisfy { balancer.pick(hash: $0, tried: TriedTargets()) == 2 })
        balancer.setFactor(1, at: 0)
        balancer.setFactor(1, at: 1)
        balancer.setShares([600, 400, 0])
        let second = keys.map { balancer.pick(hash: $0, tried: TriedTargets()) }
        guard case .consistentHashing = algorithm else { return }
        let isMoved = zip(first, second).count { $0 != $1 }
        #expect((900...1_100).contains(isMoved), "a tenth moves, no key comes back")
    }

    @Test(
        "goes beside a target to its own group, then to one with a share or open, to no other",
        arguments: algorithms
    )
    func beside(algorithm: BalancingAlgorithm) {
        let balancer = Balancer(
            algorithm: algorithm,
            targets: targets([1, 1, 1, 1, 1], groups: [0, 0, 0, 1, 2]),
            seed: 9
        )
        balancer.setShares([1_000, 0, 0])
        var tried = TriedTargets()
        tried.insert(0)
        for _ in 0..<5 { #expect([1, 2].contains(balancer.pick(beside: 0, tried: tried))) }
        tried.insert(1)
        #expect(balancer.pick(beside: 0, tried: tried) == 2, "two passed over are no failures")
        tried.insert(2)
        #expect(balancer.pick(beside: 0, tried: tried) == -1, "an operator may have emptied them")
        balancer.setShares([1_000, 0, 0], open: [2])
        #expect(balancer.pick(beside: 0, tried: tried) == 4)
        balancer.setFactor(0, at: 4)
        #expect(balancer.pick(beside: 0, tried: tried) == -1)
        balancer.setShares([500, 500, 0])
        #expect(balancer.pick(beside: 0, tried: tried) == 3)
    }

    @Test(
        "fills targets up to their limit, open groups to half, then says that all are full",
        arguments: algorithms
    )
    func overflows(algorithm: BalancingAlgorithm) {
        let balancer = Balancer(
            algorithm: algorithm,
            targets: targets([1, 1, 1, 1], groups: [0, 0, 1, 2]),
            seed: 9
        )
        balancer.setShares([1_000, 0, 0], open: [1])
        balancer.setLimit(3)
        var generator = SeededGenerator(seed: 2)
        var counts = [0, 0, 0, 0]
        for _ in 0..<7 {
            let choice = balancer.pick(hash: generator.next(), tried: TriedTargets())
            #expect(choice >= 0)
            guard choice >= 0 else { return }
            counts[choice] += 1
            balancer.began(choice)
            if counts[2] > 0 { #expect(counts[0] == 3 && counts[1] == 3) }
        }
        #expect(counts == [3, 3, 1, 0], "a group that is not open takes nothing")
        #expect(balancer.pick(hash: 1, tried: TriedTargets()) == Balancer.full)
        balancer.ended(0)
        #expect(balancer.pick(hash: 1, tried: TriedTargets()) == 0)
        balancer.began(0)
        balancer.setLimit(8, at: 2)
        balancer.setInFlight(3, at: 2)
        #expect(balancer.pick(hash: 1, tried: TriedTargets()) == 2)
        balancer.setInFlight(4, at: 2)
        #expect(balancer.pick(hash: 1, tried: TriedTargets()) == Balancer.full)
        balancer.setShares([1_000, 0, 0], open: [])
        balancer.setShares([0, 1_000, 0], open: [0])
        #expect(balancer.pick(hash: 1, tried: TriedTargets()) == 2, "who has a share fills it")
        for index in 0..<4 { balancer.setFactor(0, at: index) }
        #expect(balancer.pick(hash: 1, tried: TriedTargets()) >= 0, "in need any will do")
    }

    @Test(
        "sends to doubtful targets rather than to none, but never to disabled ones",
        arguments: algorithms
    )
    func failsOpen(algorithm: BalancingAlgorithm) {
        let balancer = Balancer(
            algorithm: algorithm,
            targets: targets([1, 0, 1], groups: [0, 0, 1]),
            seed: 1
        )
        for index in 0..<3 { balancer.setFactor(0, at: index) }

        #expect(balancer.shares(of: 3, picks: 10) == [10, 0, 0])
        #expect(balancer.shares(of: 3, picks: 10, tried: tried([0])) == [0, 0, 10])
        #expect(balancer.pick(hash: 0, tried: tried([0, 2])) == -1)
        balancer.setFactor(1, at: 1)
        #expect(balancer.pick(hash: 0, tried: tried([0, 2])) == -1)
    }

    @Test(
        "leaves the region after two failed tries or when half of it is unhealthy",
        arguments: algorithms
    )
    func retriesElsewhere(algorithm: BalancingAlgorithm) {
        let balancer = Balancer(
            algorithm: algorithm,
            targets: targets([1, 1, 1, 1, 1], groups: [0, 0, 0, 0, 1]),
            seed: 9
        )

        #expect(balancer.shares(of: 5, picks: 20, tried: tried([0]))[4] == 0)
        #expect(balancer.shares(of: 5, picks: 20, tried: tried([0, 1]))[4] == 20)
        #expect(balancer.shares(of: 5, picks: 20, tried: tried([0, 1, 4]))[4] == 0)
        balancer.setFactor(0, at: 2)
        balancer.setFactor(0, at: 3)
        #expect(balancer.shares(of: 5, picks: 20)[4] == 0)
        #expect(balancer.shares(of: 5, picks: 20, tried: tried([0]))[4] == 20)
    }

    @Test("counts requests in flight back to zero", arguments: algorithms)
    func settles(algorithm: BalancingAlgorithm) {
        var generator = SeededGenerator(seed: 3)
        let balancer = Balancer(
            algorithm: algorithm,
            targets: targets([3, 1, 2, 5], groups: [1, 0, 1, 0]),
            seed: 3
        )
        var open: [Int] = []
        for _ in 0..<2_000 {
            if generator.next(below: 2) == 0, !open.isEmpty {
                balancer.ended(open.remove(at: generator.next(below: open.count)))
            } else {
                let index = balancer.pick(hash: generator.next(), tried: TriedTargets())
                balancer.began(index)
                open.append(index)
            }
            balancer.setFactor(Float(generator.nextUnit()), at: generator.next(below: 4))
        }
        #expect((0..<4).map(balancer.inFlight).reduce(0, +) == open.count)

        for index in open { balancer.ended(index) }

        #expect((0..<4).allSatisfy { balancer.inFlight(at: $0) == 0 })
    }

    @Test("takes absurd weights and factors for what they can mean", arguments: algorithms)
    func toleratesAbsurdInput(algorithm: BalancingAlgorithm) {
        let empty = Balancer(algorithm: algorithm, targets: [], seed: 0)
        #expect(empty.pick(hash: 7, tried: TriedTargets()) == -1)

        let balancer = Balancer(algorithm: algorithm, targets: targets([.max, -4, 1]), seed: 0)
        balancer.setFactor(.nan, at: 2)
        #expect(balancer.factor(at: 2) == 0)
        #expect(balancer.shares(of: 3, picks: 5) == [5, 0, 0])
        balancer.setFactor(.infinity, at: 0)
        #expect(balancer.factor(at: 0) == 1)
        balancer.setFactor(-3, at: 0)
        balancer.setFactor(0.000_001, at: 2)
        #expect(balancer.shares(of: 3, picks: 5) == [0, 0, 5])
    }
}

@Suite("Round robin")
struct RoundRobinTests {
    @Test("is exact over every turn, from any start", arguments: UInt64(0)..<40)
    func isExact(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let weights = (0..<(1 + generator.next(below: 8))).map { _ in 1 + generator.next(below: 9) }
        let balancer = Balancer(algorithm: .roundRobin, targets: targets(weights), seed: seed)

        for _ in 0..<3 {
            let shares = balancer.shares(of: weights.count, picks: weights.reduce(0, +))
            #expect(shares == weights, "seed \(seed)")
        }
    }

    @Test("takes Kong's turn of 10:30 in four picks")
    func dividesByCommonFactor() {
        let balancer = Balancer(algorithm: .roundRobin, targets: targets([10, 30]), seed: 8)

        for _ in 0..<10 { #expect(balancer.shares(of: 2, picks: 4) == [1, 3]) }
    }

    @Test("lowers the share of a doubtful target in proportion")
    func lowersShare() {
        let balancer = Balancer(algorithm: .roundRobin, targets: targets([100, 100, 100]), seed: 2)
        balancer.setFactor(0.5, at: 1)

        let lowered = balancer.shares(of: 3, picks: 500)
        #expect(zip(lowered, [200, 100, 200]).allSatisfy { abs($0 - $1) <= 1 })
        balancer.setFactor(0, at: 0)
        let shares = balancer.shares(of: 3, picks: 300)
        #expect(shares[0] == 0 && abs(shares[1] - 100) <= 1)
        balancer.setFactor(1, at: 0)
        balancer.setFactor(1, at: 1)
        #expect(balancer.shares(of: 3, picks: 300).allSatisfy { abs($0 - 100) <= 1 })
    }

    @Test("does not begin everywhere with the same target")
    func startsApart() {
        let firsts = (UInt64(0)..<40).map { seed in
            Balancer(algorithm: .roundRobin, targets: targets([1, 1, 1, 1]), seed: seed)
                .pick(hash: 0, tried: TriedTargets())
        }

        #expect(Set(firsts) == [0, 1, 2, 3])
    }

    @Test("spreads a heavy target over the turn")
    func interleaves() {
        let balancer = Balancer(algorithm: .roundRobin, targets: targets([5, 1, 1]), seed: 0)
        var run = 0
        var longest = 0
        for _ in 0..<70 {
            run = balancer.pick(hash: 0, tried: TriedTargets()) == 0 ? run + 1 : 0
            longest = max(longest, run)
        }

        #expect(longest <= 4)
    }
}

@Suite("Least connections")
struct LeastConnectionsTests {
    @Test("fills targets in proportion to their weight when busy")
    func fillsByWeight() {
        let weights = [1, 2, 4]
        let balancer = Balancer(algorithm: .leastConnections, targets: targets(weights), seed: 6)
        for _ in 0..<700 { balancer.began(balancer.pick(hash: 0, tried: TriedTargets())) }

        for index in 0..<3 {
            #expect(abs(balancer.inFlight(at: index) - weights[index] * 100) <= 4)
        }
    }

    @Test("turns to the target that is free")
    func picksFree() {
        let balancer = Balancer(algorithm: .leastConnections, targets: targets([1, 1, 1]), seed: 6)
        for index in [0, 0, 1, 1, 2] { balancer.began(index) }

        #expect(balancer.shares(of: 3, picks: 20) == [0, 0, 20])
    }

    @Test("spreads requests over idle targets and avoids the loaded one of two")
    func spreadsWhenIdle() {
        let balancer = Balancer(
            algorithm: .leastConnections,
            targets: targets(Array(repeating: 1, count: 40)),
            seed: 6
        )
        #expect(balancer.shares(of: 40, picks: 4_000).allSatisfy { (50...160).contains($0) })

        balancer.began(7)
        #expect(balancer.shares(of: 40, picks: 2_000)[7] == 0)
    }
}
