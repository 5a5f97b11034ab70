import Testing

@testable import MeshDataPlane

@Suite("A budget of retries")
struct RetryBudgetTests {
    /// Takes retries until there are no more.
    private func spend(_ budget: inout RetryBudget, at now: Int64) -> Int {
        var count = 0
        while count < 100_000, budget.hasRetry(at: now) {
            budget.countRetry(at: now)
            count += 1
        }
        return count
    }

    @Test("allows a few whatever the traffic is")
    func floor() {
        var budget = RetryBudget(share: 20, floor: 10, shared: RetryFloor(), now: 0)

        let counts = [1, 2, 5_002].map { self.spend(&budget, at: $0) }

        #expect(counts == [100, 0, 50])
    }

    @Test("shares the few among the workers of a node, and among nodes")
    func sharedFloor() {
        let (first, second) = (RetryFloor(), RetryFloor())
        var budgets = [first, first, second].map {
            RetryBudget(share: 20, floor: 10, shared: $0, now: 0)
        }
        for index in budgets.indices { budgets[index].sharers = 2 }

        let counts = budgets.indices.map { self.spend(&budgets[$0], at: 1) }
        #expect(counts == [50, 0, 50])

        // More nodes than retries in ten seconds: each has five at once, and later one now and then.
        for index in budgets.indices { budgets[index].sharers = 400 }
        let later = [60_000, 90_000, 100_001].map { self.spend(&budgets[0], at: $0) }
        #expect(later == [5, 0, 1])
    }

    @Test("allows a share of the requests of the last ten seconds")
    func share() {
        var budget = RetryBudget(share: 20, floor: 0, shared: RetryFloor(), now: 0)
        for _ in 0..<1_000 { budget.countRequest(at: 1) }

        let first = self.spend(&budget, at: 2)
        for _ in 0..<100 { budget.countRequest(at: 6_000) }
        let second = self.spend(&budget, at: 6_001)

        #expect(first == 200)
        #expect(second == 20)
    }

    @Test("forgets what is older, also after a pause")
    func forgets() {
        var budget = RetryBudget(share: 20, floor: 1, shared: RetryFloor(), now: 0)
        for _ in 0..<1_000 { budget.countRequest(at: 1) }
        _ = self.spend(&budget, at: 2)

        let counts = [10_002, 1_000_000].map { self.spend(&budget, at: $0) }

        #expect(counts == [10, 10])
    }

    @Test("of nothing allows none, and values outside of the range are moved into it")
    func extremes() {
        var none = RetryBudget(share: 0, floor: 0, shared: RetryFloor(), now: 0)
        none.countRequest(at: 0)
        var odd = RetryBudget(share: .min, floor: .min, shared: RetryFloor(), now: 0)
        var huge = RetryBudget(share: .max, floor: .max, shared: RetryFloor(), now: 0)
        huge.countRequest(at: .max / 2)

        let counts = [self.spend(&none, at: 0), self.spend(&odd, at: 0)]
        let hasRetry = huge.hasRetry(at: .max / 2)

        #expect(counts == [0, 0])
        #expect(hasRetry)
    }
}
