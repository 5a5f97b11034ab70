import MeshBalancing
import MeshPrimitives

/// Choosing a target, by algorithm and number of targets.
enum BalancerBenchmark: Benchmark {
    static func measure(with stopwatch: Stopwatch) -> [Measurement] {
        let turn = Self.turn(of: 4, with: stopwatch)
        var all = [turn]
        let algorithms: [(String, BalancingAlgorithm)] = [
            ("round-robin", .roundRobin), ("least-connections", .leastConnections),
            ("hashing", .consistentHashing(slots: 10_000)),
        ]
        for (name, algorithm) in algorithms {
            for count in [4, 100] {
                all.append(
                    Self.pick("balancer.\(name).\(count)", algorithm, count, over: turn, stopwatch)
                )
            }
        }
        return all
    }

    private static func pick(
        _ name: String,
        _ algorithm: BalancingAlgorithm,
        _ count: Int,
        over baseline: Measurement,
        _ stopwatch: Stopwatch
    ) -> Measurement {
        let targets = (0..<count).map { number in
            BalancerTarget(
                id: TargetID(rawValue: SeededGenerator.mix(UInt64(number + 1))),
                weight: 100 + number % 3
            )
        }
        let balancer = Balancer(algorithm: algorithm, targets: targets, seed: 1)
        return stopwatch.time(name, over: baseline) { repetitions in
            var sum = 0
            for key in 0..<repetitions {
                let index = balancer.pick(
                    hash: SeededGenerator.mix(UInt64(truncatingIfNeeded: key)),
                    tried: TriedTargets()
                )
                balancer.began(index)
                balancer.ended(index)
                sum &+= index
            }
            return sum
        }
    }

    /// The baseline: a plain turn without weights or health, with the same hash of the key.
    private static func turn(of count: Int, with stopwatch: Stopwatch) -> Measurement {
        var inFlight = [Int](repeating: 0, count: count)
        return stopwatch.time("balancer.plain-turn.\(count)") { repetitions in
            var sum = 0
            var index = 0
            for key in 0..<repetitions {
                sum &+= Int(
                    truncatingIfNeeded: SeededGenerator.mix(UInt64(truncatingIfNeeded: key))
                )
                index = index + 1 == count ? 0 : index + 1
                inFlight[index] &+= 1
                sum &+= inFlight[index]
                inFlight[index] &-= 1
            }
            return sum
        }
    }
}
