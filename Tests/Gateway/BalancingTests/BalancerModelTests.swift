import MeshBalancing
import MeshPrimitives
import Testing

@Suite("A balancer beside one that looks at every target")
struct BalancerModelTests {
    /// Random configurations, factors, groups, loads and tries; `check` sees every choice.
    private func run(
        _ algorithm: BalancingAlgorithm,
        seed: UInt64,
        check: (SlowBalancer, TriedTargets, Int) -> Void
    ) {
        var generator = SeededGenerator(seed: seed)
        let count = 1 + generator.next(below: seed.isMultiple(of: 4) ? 120 : 12)
        let list = targets(
            (0..<count).map { _ in [0, 1, 1, 2, 5, 100, 65_535][generator.next(below: 7)] },
            groups: (0..<count).map { _ in generator.next(below: 3) },
            salt: seed
        )
        let balancer = Balancer(algorithm: algorithm, targets: list, seed: seed)
        var model = SlowBalancer(list)
        var open: [Int] = []
        for _ in 0..<200 {
            switch generator.next(below: 6) {
            case 0:
                let index = generator.next(below: count)
                let factor: Float = [0, 0, 0.001, 0.4, 1][generator.next(below: 5)]
                model.factors[index] = factor
                balancer.setFactor(factor, at: index)
            case 1:
                model.firstGroup = generator.next(below: 4)
                balancer.setActiveGroup(model.firstGroup)
            case 2 where !open.isEmpty:
                let index = open.remove(at: generator.next(below: open.count))
                model.inFlight[index] -= 1
                balancer.ended(index)
            default:
                var seen = TriedTargets()
                for _ in 0..<generator.next(below: 4) { seen.insert(generator.next(below: count)) }
                let choice = balancer.pick(hash: generator.next(), tried: seen)
                check(model, seen, choice)
                guard choice >= 0 else { continue }
                model.inFlight[choice] += 1
                balancer.began(choice)
                open.append(choice)
            }
        }
        #expect((0..<count).map(balancer.inFlight) == model.inFlight, "seed \(seed)")
    }

    @Test(
        "chooses among the same targets",
        arguments: BalancerTests.algorithms,
        UInt64(0)..<24
    )
    func choosesAmongTheSame(algorithm: BalancingAlgorithm, seed: UInt64) {
        self.run(algorithm, seed: seed) { model, tried, choice in
            let candidates = model.candidates(tried)
            #expect(candidates.isEmpty ? choice == -1 : candidates.contains(choice), "seed \(seed)")
        }
    }

    @Test("takes the least loaded of all while it is busy", arguments: UInt64(100)..<124)
    func takesLeast(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let count = 2 + generator.next(below: 60)
        let list = targets((0..<count).map { _ in 1 + generator.next(below: 9) }, salt: seed)
        let balancer = Balancer(algorithm: .leastConnections, targets: list, seed: seed)
        var model = SlowBalancer(list)
        for index in 0..<count {
            model.inFlight[index] = 1 + generator.next(below: 5)
            balancer.setInFlight(model.inFlight[index], at: index)
        }
        for _ in 0..<150 {
            var seen = TriedTargets()
            for _ in 0..<generator.next(below: 5) { seen.insert(generator.next(below: count)) }
            let choice = balancer.pick(hash: 0, tried: seen)
            #expect(
                model.leastLoaded(seen).contains(choice) || model.candidates(seen).isEmpty,
                "seed \(seed)"
            )
            let index = generator.next(below: count)
            if generator.next(below: 2) == 0 || model.inFlight[index] == 1 {
                model.inFlight[index] += 1
                balancer.began(index)
            } else {
                model.inFlight[index] -= 1
                balancer.ended(index)
            }
            if generator.next(below: 10) == 0 {
                let factor: Float = [0, 0.5, 1][generator.next(below: 3)]
                model.factors[index] = factor
                balancer.setFactor(factor, at: index)
            }
        }
    }
}

@Suite("Round robin over many targets")
struct RoundRobinTurnTests {
    /// Seeds, with a window of a turn that begins anywhere.
    @Test(
        "is exact in every window of a turn, also of large and odd weights",
        arguments: UInt64(0)..<30
    )
    func isExactInEveryWindow(seed: UInt64) {
        var generator = SeededGenerator(seed: seed &+ 7)
        let weights = (0..<(2 + generator.next(below: 40))).map { _ in
            [1, 7, 100, 101, 997][generator.next(below: 5)]
        }
        let turn = weights.reduce(0, +)
        let balancer = Balancer(algorithm: .roundRobin, targets: targets(weights), seed: seed)
        _ = balancer.shares(of: weights.count, picks: generator.next(below: turn))

        for _ in 0..<2 {
            #expect(balancer.shares(of: weights.count, picks: turn) == weights, "seed \(seed)")
        }
    }

    @Test("serves 500 equal targets once each before any of them again")
    func goesAround() {
        let balancer = Balancer(
            algorithm: .roundRobin,
            targets: targets(Array(repeating: 100, count: 500)),
            seed: 3
        )
        for _ in 0..<3 {
            #expect(balancer.shares(of: 500, picks: 500).allSatisfy { $0 == 1 })
        }
    }

    @Test("is exact among the rest while targets are excluded, and again when they are back")
    func isExactWithoutExcluded() {
        let weights = Array(repeating: 100, count: 50) + Array(repeating: 200, count: 50)
        let balancer = Balancer(algorithm: .roundRobin, targets: targets(weights), seed: 4)
        for index in stride(from: 0, to: 100, by: 2) { balancer.setFactor(0, at: index) }
        _ = balancer.shares(of: 100, picks: 31)
        let during = balancer.shares(of: 100, picks: 750)
        for index in stride(from: 0, to: 100, by: 2) { balancer.setFactor(1, at: index) }
        _ = balancer.shares(of: 100, picks: 31)
        let after = balancer.shares(of: 100, picks: 1_500)

        #expect(during.enumerated().allSatisfy { $1 == ($0 % 2 == 0 ? 0 : $0 < 50 ? 10 : 20) })
        #expect(after.enumerated().allSatisfy { $1 == ($0 < 50 ? 10 : 20) })
    }

    @Test("gives a target that comes back no burst")
    func comesBackQuietly() {
        let balancer = Balancer(
            algorithm: .roundRobin,
            targets: targets(Array(repeating: 1, count: 10)),
            seed: 5
        )
        balancer.setFactor(0, at: 0)
        _ = balancer.shares(of: 10, picks: 10_007)
        balancer.setFactor(1, at: 0)

        #expect(balancer.shares(of: 10, picks: 100) == Array(repeating: 10, count: 10))
    }

    @Test("keeps shares while a factor climbs in many steps")
    func climbs() {
        let balancer = Balancer(
            algorithm: .roundRobin,
            targets: targets(Array(repeating: 100, count: 4)),
            seed: 6
        )
        var shares = Array(repeating: 0, count: 4)
        for step in 1...1_000 {
            balancer.setFactor(Float(step) / 1_000, at: 2)
            let picks = balancer.shares(of: 4, picks: 40)
            for index in 0..<4 { shares[index] += picks[index] }
        }
        // The mean factor is a half: 40,000 picks over 3.5 shares.
        #expect(abs(shares[2] - 5_630) < 400)
        #expect(abs(shares[0] - shares[1]) <= 2 && abs(shares[0] - shares[3]) <= 2)
    }
}

@Suite("The plan of a balancer")
struct BalancerPlanTests {
    @Test("takes 65,534 targets and refuses one more", arguments: BalancerTests.algorithms)
    func limitsTargets(algorithm: BalancingAlgorithm) {
        let many = targets(Array(repeating: 1, count: 65_535))
        let refused = BalancerPlan(algorithm: algorithm, targets: many)
        let plan = BalancerPlan(algorithm: algorithm, targets: many.dropLast())

        #expect(refused == nil)
        guard let plan else {
            Issue.record("65,534 targets were refused")
            return
        }
        let balancer = Balancer(plan, seed: 1)
        #expect((0..<65_534).contains(balancer.pick(hash: 5, tried: TriedTargets())))
    }
}
