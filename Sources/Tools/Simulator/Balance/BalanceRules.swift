import MeshBalancing
import MeshHealth
import MeshPrimitives

/// Rules of choosing and judging that hold at any moment, whatever went before.
enum BalanceRules {
    static func run(seed: UInt64) -> [BalanceFinding] {
        [Self.sameTable(seed), Self.refusals(seed)]
    }

    private static func target(_ number: UInt64) -> TargetID {
        TargetID(rawValue: SeededGenerator.mix(number &+ 1))
    }

    /// Nodes that disagree about one target's health disagree about its keys only.
    private static func sameTable(_ seed: UInt64) -> BalanceFinding {
        let count = 16
        let targets = (0..<UInt64(count)).map { BalancerTarget(id: Self.target($0), weight: 100) }
        guard
            let plan = BalancerPlan(
                algorithm: .consistentHashing(slots: 10_000),
                targets: targets
            )
        else { return BalanceFinding(name: "B-I10", text: "no plan", isKept: false) }
        let (one, other) = (Balancer(plan, seed: seed), Balancer(plan, seed: seed &+ 1))
        let lost = Int(seed % UInt64(count))
        other.setFactor(0, at: lost)
        var (moved, strangers) = (0, 0)
        let keys = 20_000
        for key in 0..<UInt64(keys) {
            let hash = SeededGenerator.mix(key ^ seed)
            let first = one.pick(hash: hash, tried: TriedTargets())
            let second = other.pick(hash: hash, tried: TriedTargets())
            guard first != second else { continue }
            moved += 1
            if first != lost { strangers += 1 }
        }
        let share = Double(moved) / Double(keys)
        return BalanceFinding(
            name: "B-I10",
            text: "a node that has lost one of 16 targets chooses otherwise for "
                + "\(BalanceCases.text(share * 100)) % of the keys (at most 8.2), "
                + "\(strangers) of them not the target's (at most 0)",
            isKept: strangers == 0 && share <= 1 / Double(count) + 0.02 && moved > 0
        )
    }

    /// Answers that say nothing about health change nothing: 429, other 4xx, 501.
    private static func refusals(_ seed: UInt64) -> BalanceFinding {
        let peer = HealthPeer(id: NodeID(high: 1, low: 1), region: "eu")
        var machine = HealthMachine(node: peer, timing: HealthTiming())
        let targets = (0..<UInt16(4)).map { HealthTarget(port: 1_000 + $0) }
        var now = MonotonicInstant(nanoseconds: 0)
        let upstream = HealthUpstream(settings: HealthSettings(), targets: targets)
        _ = machine.configure([upstream], at: now)
        for _ in 0..<600 {
            now = now.advanced(by: .milliseconds(100))
            _ = machine.observe(
                targets.enumerated().map { number, target in
                    var one = TargetObservation(id: target.id)
                    let bad: UInt16 = [429, 404, 501, 400][number]
                    one.statuses = [
                        .init(status: bad, count: 90), .init(status: 200, count: 10),
                    ]
                    one.latencySteps = 100 * 200
                    return one
                },
                at: now
            )
            _ = machine.wake(at: now)
        }
        let lowered = machine.views(at: now).filter { $0.factor < 1 }.map(\.target.name)
        return BalanceFinding(
            name: "B-I13",
            text:
                "a minute of nine tenths 429, 404, 501 or 400 lowers \(lowered.count) of 4 targets "
                + "(at most 0)",
            isKept: lowered.isEmpty
        )
    }
}
