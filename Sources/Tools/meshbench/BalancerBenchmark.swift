import ArgumentParser
import MeshBalancing
import MeshPrimitives

/// Choosing a target, by algorithm and number of targets.
enum BalancerBenchmark: Benchmark {
    static func measure(with stopwatch: Stopwatch) throws -> [Measurement] {
        let turn = Self.turn(of: 4, with: stopwatch)
        var all = [turn]
        let algorithms: [(String, BalancingAlgorithm)] = [
            ("round-robin", .roundRobin), ("least-connections", .leastConnections),
            ("latency", .latency), ("hcl", .hcl),
            ("hashing", .consistentHashing(slots: 10_000)),
        ]
        for (name, algorithm) in algorithms {
            for count in [4, 16, 100, 500] {
                for health in count == 500 ? Health.common : [.healthy] {
                    let suffix = health == .healthy ? "" : ".\(health.rawValue)"
                    let title = "balancer.\(name).\(count)\(suffix)"
                    let balancer = try Self.balancer(algorithm, count, health)
                    all.append(Self.pick(title, balancer, over: turn, stopwatch))
                }
            }
        }
        for count in [16, 500] {
            let bounded = try Self.balancer(.consistentHashing(slots: 10_000), count, .bounded)
            all.append(
                Self.pick("balancer.hashing.\(count).bounded", bounded, over: turn, stopwatch)
            )
        }
        let balancer = try Self.balancer(.roundRobin, 500, .healthy).balancer
        all.append(
            stopwatch.time("balancer.set-factor.500", over: turn) { repetitions in
                for number in 0..<repetitions {
                    balancer.setFactor(number % 3 == 0 ? 0 : 0.5, at: number % 500)
                }
                return repetitions
            }
        )
        return all
    }

    /// How the targets fare.
    private enum Health: String, CaseIterable {
        case healthy
        /// Nine of ten are excluded.
        case excluded
        /// All get a tenth of their share.
        case lowered
        /// All are excluded.
        case down
        /// The request was sent to three before.
        case retried
        /// Two requests are in flight to each.
        case busy
        /// Each may have a hundred requests in flight.
        case limited
        /// Every second one is over a bound of 1.25 times its fair share.
        case bounded

        /// Those that make sense for all algorithms.
        static let common = Self.allCases.filter { $0 != .bounded }
    }

    private static func balancer(
        _ algorithm: BalancingAlgorithm,
        _ count: Int,
        _ health: Health
    ) throws -> (balancer: Balancer, tried: TriedTargets) {
        let targets = (0..<count).map { number in
            BalancerTarget(
                id: TargetID(rawValue: SeededGenerator.mix(UInt64(number + 1))),
                weight: 100 + number % 3
            )
        }
        let plan = BalancerPlan(
            algorithm: algorithm,
            targets: targets,
            loadBound: health == .bounded ? 1.25 : 0
        )
        guard let plan else {
            throw ValidationError("\(count) targets are too many for a balancer")
        }
        let balancer = Balancer(plan, seed: 1)
        var tried = TriedTargets()
        for index in 0..<count {
            switch health {
            case .healthy, .limited: break
            case .excluded: balancer.setFactor(index % 10 == 0 ? 1 : 0, at: index)
            case .lowered: balancer.setFactor(0.1, at: index)
            case .down: balancer.setFactor(0, at: index)
            case .retried: if index < 3 { tried.insert(index * 100) }
            case .busy: balancer.setInFlight(2, at: index)
            case .bounded: balancer.setInFlight(index % 2 == 0 ? 12 : 2, at: index)
            }
        }
        if health == .limited { balancer.setLimit(100) }
        guard algorithm == .hcl else { return (balancer, tried) }
        for index in 0..<count {
            balancer.reported(load: index % 7, at: index, now: 0)
            balancer.measured(
                microseconds: Int64(5_000 + 100 * (index % 50)),
                isFailure: false,
                at: index,
                now: 0
            )
        }
        return (balancer, tried)
    }

    private static func pick(
        _ name: String,
        _ subject: (balancer: Balancer, tried: TriedTargets),
        over baseline: Measurement,
        _ stopwatch: Stopwatch
    ) -> Measurement {
        stopwatch.time(name, over: baseline) { repetitions in
            var sum = 0
            for key in 0..<repetitions {
                let index = subject.balancer.pick(
                    hash: SeededGenerator.mix(UInt64(truncatingIfNeeded: key)),
                    tried: subject.tried
                )
                subject.balancer.began(index)
                subject.balancer.ended(index)
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
