import MeshPrimitives
import Testing

@testable import MeshDataPlane

/// The balancing design's B-I6: what a fleet adds to a load by retries is a share of its requests and a
/// few a second, whatever fails and however many nodes there are.
@Suite("The retries of a fleet all of whose targets fail")
struct FleetRetryTests {
    /// What is configured by default.
    private static let share = 20
    private static let floor = 10
    /// Tries of one request beside the first.
    private static let tries = 5
    /// Retries that a node with a small part of the floor saves up at least.
    private static let saved = 5

    private struct Node {
        let floor: RetryFloor
        var budgets: [RetryBudget]
        var rate: Double
    }

    /// The most retries beyond a share of the requests, the floor and what all had saved up, from the
    /// beginning to any second of a minute.
    private func excess(of nodes: Int, isAlone: Bool, seed: UInt64) -> Int {
        var generator = SeededGenerator(seed: seed &+ UInt64(nodes))
        var fleet = (0..<nodes).map { _ in
            let floor = RetryFloor()
            let budgets = (0..<2).map { _ in
                var budget = RetryBudget(
                    share: Self.share,
                    floor: Self.floor,
                    shared: floor,
                    now: 0
                )
                budget.sharers = isAlone ? 1 : nodes
                return budget
            }
            return Node(floor: floor, budgets: budgets, rate: 0)
        }
        var (requests, retries, worst) = (0, 0, 0)
        let savedByAll = max(10 * Self.floor, Self.saved * nodes)
        for second in Int64(0)..<60 {
            for node in fleet.indices {
                // Busy, quiet or at rest, for five seconds each.
                if second % 5 == 0 { fleet[node].rate = [0, 2, 40][generator.next(below: 3)] }
                for step in Int64(0)..<10 {
                    let now = second * 1_000 + step * 100
                    let count = Int(fleet[node].rate / 5 * generator.nextUnit() + 0.5)
                    for _ in 0..<count {
                        requests += 1
                        let worker = generator.next(below: 2)
                        retries += Self.attempt(&fleet[node].budgets[worker], at: now)
                    }
                }
            }
            let allowed = requests * Self.share / 100 + Int(second + 1) * Self.floor + savedByAll
            worst = max(worst, retries - allowed)
        }
        return worst
    }

    /// One request that fails everywhere; how often it is tried again.
    private static func attempt(_ budget: inout RetryBudget, at now: Int64) -> Int {
        budget.countRequest(at: now)
        var count = 0
        while count < Self.tries, budget.hasRetry(at: now) {
            budget.countRetry(at: now)
            count += 1
        }
        return count
    }

    @Test("stay within a fifth of its requests and ten a second", arguments: [1, 7, 50, 200])
    func bounded(nodes: Int) {
        for seed in UInt64(1)...5 {
            #expect(self.excess(of: nodes, isAlone: false, seed: seed) == 0, "seed \(seed)")
        }
    }

    @Test("would not, if each node took the whole floor for its own", arguments: [7, 50, 200])
    func alone(nodes: Int) {
        #expect(self.excess(of: nodes, isAlone: true, seed: 1) > 0)
    }
}
