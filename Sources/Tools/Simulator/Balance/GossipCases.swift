import MeshObservations
import MeshPrimitives

/// What it costs to tell each other of targets, whatever happens to them, and how soon all have heard.
enum GossipCases {
    /// Bytes a second that a node may send on average: 2 KiB for words of targets, and as much for what
    /// stands behind them, which is one lane here.
    private static let limit = 4_096
    /// Seconds before bytes count, and in which they do.
    private static let settling = 20
    private static let span = 60

    enum Scene: String, CaseIterable {
        case calm
        /// All targets of a region are lost at once, for good.
        case lost = "a region lost"
        /// Every tenth target comes and goes, three seconds each.
        case flapping
        /// Targets and whole regions fail and return all the time.
        case storm
    }

    static func run(seed: UInt64, plant: BalanceMistake? = nil) -> [BalanceFinding] {
        [
            Self.bytes(seed: seed, plant: plant, scenes: Scene.allCases),
            Self.spread(plant, seed: seed),
        ]
    }

    static func bytes(
        seed: UInt64,
        plant: BalanceMistake?,
        scenes: [Scene]
    ) -> BalanceFinding {
        var texts: [String] = []
        var most = 0
        for scene in scenes {
            let rates = [6, 30].map { Self.rate(scene, nodes: $0, plant, seed: seed) }
            most = max(most, rates.max() ?? 0)
            texts.append("\(scene.rawValue) \(rates[0]) and \(rates[1])")
        }
        return BalanceFinding(
            name: "B-I15",
            text: "bytes a second that a node sends of 200 targets, on average of 6 and of 30 "
                + "(at most \(Self.limit)): " + texts.joined(separator: ", "),
            isKept: most <= Self.limit
        )
    }

    private static func configuration(_ plant: BalanceMistake?) -> ObservationConfiguration {
        var configuration = ObservationConfiguration()
        if plant == .chatter { configuration.roundInterval = .milliseconds(100) }
        if plant == .echoes { configuration.directPeerLimit = 0 }
        return configuration
    }

    /// Bytes a second and node, over a minute.
    private static func rate(
        _ scene: Scene,
        nodes: Int,
        _ plant: BalanceMistake?,
        seed: UInt64
    ) -> Int {
        var script = GossipFleet.Script()
        script.nodes = nodes
        script.configuration = Self.configuration(plant)
        var fleet = GossipFleet(script, seed: seed)
        var generator = SeededGenerator(seed: seed)
        fleet.run(for: .seconds(Self.settling))
        fleet.forget()
        if scene == .lost { for target in 0..<script.targets { fleet.set(target, .refusing) } }
        for second in 0..<Self.span {
            if scene == .flapping, second % 3 == 0 { Self.flap(&fleet, second % 6 == 0) }
            if scene == .storm { Self.strike(&fleet, &generator) }
            fleet.run(for: .seconds(1))
        }
        return fleet.sent.reduce(0, +) / Self.span / nodes
    }

    private static func flap(_ fleet: inout GossipFleet, _ isBroken: Bool) {
        for target in fleet.targets.indices where target % 10 == 0 {
            fleet.set(target, isBroken ? .refusing : .well)
        }
    }

    private static func strike(_ fleet: inout GossipFleet, _ generator: inout SeededGenerator) {
        let all = fleet.targets.indices
        switch generator.next(below: 12) {
        case 0:
            let region = generator.next(below: 2) * all.count / 2
            for target in region..<(region + all.count / 2) { fleet.set(target, .refusing) }
        case 1: for target in all where fleet.isBroken(target) { fleet.set(target, .well) }
        default:
            let target = generator.next(below: all.count)
            fleet.set(target, fleet.isBroken(target) ? .well : .refusing)
        }
    }

    /// How long after the first failure anywhere the last of 50 nodes avoids a target, which each asks
    /// twice a second.
    static func spread(_ plant: BalanceMistake?, seed: UInt64) -> BalanceFinding {
        let refused = Self.delays(.refusing, plant, seed: seed).last ?? 0
        let failing = Self.delays(.failing, plant, seed: seed)
        // What ten tries show of the hundredth part is chance: one of them may be late, but not for long.
        let second = failing.dropLast().last ?? 0
        let worst = failing.last ?? 0
        return BalanceFinding(
            name: "g",
            text: "from the first failure anywhere until the last of 50 nodes avoids the target, "
                + "ten tries: \(refused) ms at most when it refuses connections (200); at 30 % errors "
                + "\(second) ms in nine of them (2000), \(worst) in the last (3000)",
            isKept: refused <= 200 && second <= 2_000 && worst <= 3_000
        )
    }

    private static func delays(
        _ conduct: GossipFleet.Conduct,
        _ plant: BalanceMistake?,
        seed: UInt64
    ) -> [Int64] {
        (UInt64(0)..<10).map { offset in
            var script = GossipFleet.Script()
            script.nodes = 50
            script.regions = ["eu"]
            script.targets = 4
            script.rate = 8
            script.configuration = Self.configuration(plant)
            var fleet = GossipFleet(script, seed: seed &* 100 &+ offset)
            fleet.run(for: .seconds(20))
            fleet.set(1, conduct)
            let begun = fleet.now
            var waited = Duration.zero
            while !fleet.isAvoided(1), waited < .seconds(20) {
                fleet.run(for: .milliseconds(5))
                waited += .milliseconds(5)
            }
            let first = fleet.failedAt[1] ?? begun
            return (fleet.now.nanoseconds - first.nanoseconds) / 1_000_000
        }.sorted()
    }
}
