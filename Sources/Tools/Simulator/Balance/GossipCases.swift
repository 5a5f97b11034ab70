import MeshObservations
import MeshPrimitives

/// What it costs to tell each other of targets, whatever happens to them.
enum GossipCases {
    /// Bytes a second that a node may send on average: 2 KiB for words of targets, and as much for what
    /// stands behind them, which is one lane here.
    private static let limit = 4_096
    private static let targets = 200

    private enum Scene: String, CaseIterable {
        case calm
        /// All targets of a region are lost at once, for good.
        case lost = "a region lost"
        /// Every tenth target comes and goes every few seconds.
        case flapping
        /// All targets come and go.
        case storm
    }

    static func run(seed: UInt64, plant: BalanceMistake? = nil) -> [BalanceFinding] {
        var configuration = ObservationConfiguration()
        if plant == .chatter { configuration.roundInterval = .milliseconds(100) }
        var texts: [String] = []
        var isKept = true
        for scene in Scene.allCases {
            let rates = [6, 50].map { nodes in
                Self.rate(scene, nodes: nodes, configuration, seed: seed)
            }
            isKept = isKept && rates.allSatisfy { $0 <= Self.limit }
            texts.append("\(scene.rawValue) \(rates[0]) and \(rates[1])")
        }
        return [
            BalanceFinding(
                name: "B-I15",
                text: "bytes a second that the busiest of 6 and of 50 nodes sends of 200 targets: "
                    + texts.joined(separator: ", ") + " (at most \(Self.limit))",
                isKept: isKept
            )
        ]
    }

    /// Bytes a second of the node that sends most, over a minute.
    private static func rate(
        _ scene: Scene,
        nodes: Int,
        _ configuration: ObservationConfiguration,
        seed: UInt64
    ) -> Int {
        var fleet = GossipFleet(
            nodes: nodes,
            loss: 10,
            configuration: configuration,
            seed: seed
        ) { generator, node, second in
            Self.votes(scene, of: node, at: second, &generator)
        }
        fleet.run(seconds: 10)
        fleet.forget()
        fleet.run(seconds: 60)
        return (fleet.sent.max() ?? 0) / 60
    }

    private static func votes(
        _ scene: Scene,
        of node: Int,
        at second: Int,
        _ generator: inout SeededGenerator
    ) -> ObserverVotes? {
        var against: [Int] = []
        switch scene {
        case .calm: return nil
        case .lost:
            guard second == 20 else { return nil }
            against = (0..<Self.targets).filter { $0 % 2 == 0 }
        case .flapping:
            guard second % 3 == node % 3 else { return nil }
            against = (0..<Self.targets).filter { $0 % 10 == 0 && ($0 / 10 + second / 3) % 2 == 0 }
        case .storm:
            guard second % 2 == node % 2 else { return nil }
            against = (0..<Self.targets).filter { _ in generator.next(below: 2) == 0 }
        }
        var votes = ObserverVotes()
        for target in against {
            let isChecker = (target &* 7 &+ node) % 5 < 2
            votes.votes[TargetID(rawValue: SeededGenerator.mix(UInt64(target)))] = TargetVote(
                stance: .down,
                reason: 2,
                isChecker: isChecker,
                failures: 3
            )
        }
        return votes
    }
}
