import MeshBalancing
import MeshPrimitives

/// Fleets all of whose targets fail, so that every request would be tried again as often as may be.
enum RetryCases {
    /// What is configured by default.
    private static let share = 20
    private static let floor = 10
    /// Tries of one request beside the first.
    private static let tries = 5
    /// Retries that a node with a small part of the floor saves up at least.
    private static let saved = 5

    static func run(seed: UInt64, plant: BalanceMistake? = nil) -> [BalanceFinding] {
        let sizes = [1, 7, 50, 200]
        let worst = sizes.map { nodes in
            Self.excess(of: nodes, isAlone: plant == .loneBudgets, seed: seed)
        }
        let list = zip(sizes, worst).map { "\($1) with \($0)" }.joined(separator: ", ")
        return [
            BalanceFinding(
                name: "B-I6",
                text: "all targets fail for a minute at changing rates: retries beyond a fifth of "
                    + "the requests, ten a second and what all nodes had saved up: \(list) nodes "
                    + "(at most 0)",
                isKept: worst.allSatisfy { $0 <= 0 }
            )
        ]
    }

    private struct Node {
        let floor: RetryFloor
        var budgets: [RetryBudget]
        var rate: Double
    }

    /// The most retries beyond what is promised, from the beginning to any second.
    private static func excess(of nodes: Int, isAlone: Bool, seed: UInt64) -> Int {
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
        var (requests, retries, worst) = (0, 0, Int.min)
        // A node with the tenth of a second's part saves up no more than it may have in ten seconds.
        let savedByAll = max(10 * Self.floor, Self.saved * nodes)
        for second in Int64(0)..<60 {
            for node in fleet.indices {
                // Busy, quiet or at rest, for five seconds each.
                if second % 5 == 0 { fleet[node].rate = [0, 2, 40][generator.next(below: 3)] }
                for step in Int64(0)..<10 {
                    let now = second * 1_000 + step * 100
                    let count = generator.exponential(fleet[node].rate / 10)
                    for _ in 0..<Int(count + generator.nextUnit()) {
                        let worker = generator.next(below: 2)
                        requests += 1
                        fleet[node].budgets[worker].countRequest(at: now)
                        for _ in 0..<Self.tries {
                            guard fleet[node].budgets[worker].hasRetry(at: now) else { break }
                            fleet[node].budgets[worker].countRetry(at: now)
                            retries += 1
                        }
                    }
                }
            }
            let allowed = requests * Self.share / 100 + Int(second + 1) * Self.floor + savedByAll
            worst = max(worst, retries - allowed)
        }
        return max(0, worst)
    }
}
