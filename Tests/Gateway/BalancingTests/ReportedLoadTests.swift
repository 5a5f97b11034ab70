import MeshPrimitives
import Testing

@testable import MeshBalancing

@Suite("Targets that report their load")
struct ReportedLoadTests {
    private static let count = 50

    /// A balancer to whose targets nothing was sent, and that all answer after 10 ms.
    private func balancer(
        _ algorithm: BalancingAlgorithm = .hcl,
        weights: [Int] = Array(repeating: 100, count: Self.count)
    ) -> Balancer {
        let balancer = Balancer(algorithm: algorithm, targets: targets(weights), seed: 1)
        for index in weights.indices { self.answer(balancer, index, milliseconds: 10) }
        return balancer
    }

    private func answer(_ balancer: Balancer, _ index: Int, milliseconds: Int64, at now: Int64 = 0)
    {
        balancer.measured(
            microseconds: milliseconds * 1_000,
            isFailure: false,
            at: index,
            now: now
        )
    }

    private func report(_ balancer: Balancer, _ load: (Int) -> Int, at now: Int64 = 0) {
        for round in 0..<2 {
            for index in 0..<Self.count {
                balancer.reported(load: load(index), at: index, now: now + Int64(round))
            }
        }
    }

    @Test("are left alone when they are hot, and the fastest of the others gets most")
    func hotAndCold() {
        let balancer = self.balancer()
        for _ in 0..<60 { self.answer(balancer, 7, milliseconds: 2) }
        self.report(balancer) { $0 < 5 ? 90 : 3 }
        let shares = balancer.shares(of: Self.count, picks: 5_000)

        #expect(shares[0..<5].allSatisfy { $0 == 0 }, "hot: \(shares[0..<5])")
        #expect(shares[7] > 400, "the fastest is taken whenever it is looked at")
    }

    @Test("are compared by load alone when all that are looked at are hot")
    func allHot() {
        let balancer = self.balancer()
        self.report(balancer) { _ in 1 }
        for index in 0..<Self.count {
            for _ in 0..<20 + index { balancer.began(index) }
        }
        let shares = balancer.shares(of: Self.count, picks: 5_000)

        #expect(shares[0..<10].reduce(0, +) > 3_500, "\(shares)")
        #expect(shares[40...].reduce(0, +) < 50)
    }

    @Test("count what was sent since their last word")
    func ownRequests() {
        let balancer = self.balancer()
        self.report(balancer) { $0 % 10 }
        let before = balancer.shares(of: Self.count, picks: 2_000)[0]
        for _ in 0..<40 { balancer.began(0) }
        #expect(before > 0)
        #expect(balancer.shares(of: Self.count, picks: 2_000)[0] == 0)
        balancer.reported(load: 0, at: 0, now: 10)
        #expect(balancer.shares(of: Self.count, picks: 2_000)[0] > 0)
    }

    @Test("decide only while half of them speak, and while there are 25")
    func fallsBack() {
        let plain = self.balancer(.latency)
        let choices = { (balancer: Balancer) in
            (0..<500).map { balancer.pick(hash: UInt64($0), tried: TriedTargets()) }
        }
        let expected = choices(plain)
        let silent = self.balancer()
        #expect(choices(silent) == expected)
        let quarter = self.balancer()
        for index in 0..<12 { quarter.reported(load: 50, at: index, now: 0) }
        #expect(choices(quarter) == expected)

        // Reports are forgotten after a second.
        let late = self.balancer()
        self.report(late) { $0 < 5 ? 90 : 3 }
        #expect(late.shares(of: Self.count, picks: 500)[0] == 0)
        self.answer(late, 20, milliseconds: 10, at: 2_000)
        #expect(late.shares(of: Self.count, picks: 500)[0] > 0)

        let list = targets(Array(repeating: 1, count: 24))
        let few = Balancer(algorithm: .hcl, targets: list, seed: 1)
        let other = Balancer(algorithm: .latency, targets: list, seed: 1)
        for index in 0..<24 { few.reported(load: 50 * (index % 2), at: index, now: 0) }
        #expect(choices(few) == choices(other))
    }

    @Test("get their share by weight when all else is equal, and none when excluded or tried")
    func weights() {
        let heavy = (0..<Self.count).map { $0 == 3 ? 1_000 : 100 }
        let balancer = self.balancer(weights: heavy)
        self.report(balancer) { $0 == 3 ? 40 : 4 }
        balancer.setFactor(0, at: 9)
        let shares = balancer.shares(of: Self.count, picks: 6_000, tried: tried([5]))

        #expect(shares[3] > 600)
        #expect(shares[9] == 0)
        #expect(shares[5] == 0)
    }

    @Test("that say nonsense harm nobody")
    func nonsense() {
        let balancer = self.balancer()
        self.report(balancer) { $0 == 1 ? .max : -5 }
        for index in 0..<Self.count { balancer.began(index) }
        let shares = balancer.shares(of: Self.count, picks: 1_000)
        #expect(shares.reduce(0, +) == 1_000)
        #expect(shares[1] == 0)
    }
}
