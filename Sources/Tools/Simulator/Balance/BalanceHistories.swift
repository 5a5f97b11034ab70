import MeshPrimitives

/// Histories of a fleet in which targets and regions fail, and the configuration changes.
public enum BalanceHistories {
    /// Runs all; the same seed gives the same findings.
    ///
    /// - Parameters:
    ///   - seed: what chance does.
    ///   - nodes: of each history; `nil` for its own number.
    ///   - plant: a mistake.
    /// - Returns: what each has shown.
    public static func run(
        seed: UInt64,
        nodes: Int? = nil,
        plant: BalanceMistake? = nil
    ) -> [BalanceFinding] {
        [
            Self.calmDay(seed, nodes), Self.loneObserver(seed, nodes, plant),
            Self.longDay(seed, nodes), Self.storm(seed, nodes, plant), Self.steady(seed, nodes),
        ]
    }

    /// One node's network is bad, but not so bad that it distrusts it.
    ///
    /// Nodes tell each other all themselves; nobody sums up for others.
    static func loneObserver(
        _ seed: UInt64,
        _ nodes: Int?,
        _ plant: BalanceMistake? = nil
    ) -> BalanceFinding {
        var script = FleetHistory.Script()
        script.nodes = nodes ?? 8
        script.liars = plant == .secondLiar ? 2 : 1
        var history = FleetHistory(script, seed: seed)
        var least: Float = 1
        for _ in 0..<600 {
            history.run(for: .seconds(1))
            least = min(least, history.leastBelieved ?? 1)
        }
        return BalanceFinding(
            name: "B-I2",
            text: "what \(script.liars == 1 ? "one node reaches" : "two nodes reach") in vain for "
                + "ten minutes has at least \(BalanceCases.text(Double(least) * 100)) % of its weight "
                + "at the others (more than 0)",
            isKept: least > 0
        )
    }

    /// Nobody fails: checks are those of the checkers, whatever the number of nodes.
    private static func calmDay(_ seed: UInt64, _ nodes: Int?) -> BalanceFinding {
        var rates: [Double] = []
        let sizes = nodes.map { [$0] } ?? [4, 16, 48]
        for nodes in sizes {
            var script = FleetHistory.Script()
            script.nodes = nodes
            var history = FleetHistory(script, seed: seed)
            history.run(for: .seconds(60))
            let before = history.figures.probes
            history.run(for: .seconds(120))
            rates.append(Double(history.figures.probes - before) / 120)
        }
        // Eight targets, every five seconds, by three of their region and one of the other.
        let limit = 8.0 * 4 / 5 * 1.1
        return BalanceFinding(
            name: "B-I1",
            text: "checks a second with \(sizes.map(\.description).joined(separator: ", ")) nodes: "
                + rates.map { "\(Int($0 * 10))/10" }.joined(separator: ", ")
                + " (at most \(Int(limit * 10))/10)",
            isKept: rates.allSatisfy { $0 <= limit }
        )
    }

    /// A day of targets that fail and return, addresses that rotate, configurations that come.
    private static func longDay(_ seed: UInt64, _ nodes: Int?) -> BalanceFinding {
        var script = FleetHistory.Script()
        script.nodes = nodes ?? 4
        script.pace = 4
        script.faultsEvery = 60
        script.changesEvery = 120
        script.loss = 5
        var history = FleetHistory(script, seed: seed)
        var hours: [(probes: Int, wakes: Int)] = []
        for _ in 0..<24 {
            let before = history.figures
            history.run(for: .seconds(3_600))
            hours.append(
                (history.figures.probes - before.probes, history.figures.wakes - before.wakes)
            )
        }
        let first = hours[0..<6].reduce((0, 0)) { ($0.0 + $1.probes, $0.1 + $1.wakes) }
        let last = hours[18..<24].reduce((0, 0)) { ($0.0 + $1.probes, $0.1 + $1.wakes) }
        let isFlat =
            Double(last.0) < Double(first.0) * 1.3 && Double(last.1) < Double(first.1) * 1.3
        return BalanceFinding(
            name: "B-I3,4,5 and 24 h",
            text: "\(first.0 / 21_600) checks and \(first.1 / 21_600) wakes a second in the first "
                + "six hours, \(last.0 / 21_600) and \(last.1 / 21_600) in the last; "
                + Self.breaches(history),
            isKept: isFlat && history.figures.breaches.isEmpty
        )
    }

    /// Whatever happened, all is as usual some time after all is well.
    static func storm(
        _ seed: UInt64,
        _ nodes: Int?,
        _ plant: BalanceMistake? = nil
    ) -> BalanceFinding {
        var slowest: Int64 = 0
        var texts: [String] = []
        for offset in UInt64(0)..<6 {
            var script = FleetHistory.Script()
            script.nodes = nodes ?? script.nodes
            script.faultsEvery = 4
            script.changesEvery = 30
            script.loss = 30
            script.isFirstDeaf = plant == .deafNode
            var history = FleetHistory(script, seed: seed &+ offset)
            history.run(for: .seconds(600))
            history.calm()
            var waited: Int64 = 0
            while !history.isNormal, waited < 2_000 {
                history.run(for: .seconds(10))
                waited += 10
            }
            slowest = max(slowest, waited)
            texts += history.figures.breaches
        }
        // The longest back-off, hold and ramp, and what they begin with.
        return BalanceFinding(
            name: "B-I16",
            text: "after ten minutes of faults all is as usual within \(slowest) s "
                + "(at most 1350); " + (texts.isEmpty ? "nothing forbidden" : "\(texts.prefix(3))"),
            isKept: slowest <= 1_350 && texts.isEmpty
        )
    }

    /// A part of a region is lost for good: shares settle and stay.
    private static func steady(_ seed: UInt64, _ nodes: Int?) -> BalanceFinding {
        var script = FleetHistory.Script()
        script.nodes = nodes ?? script.nodes
        var history = FleetHistory(script, seed: seed)
        history.run(for: .seconds(30))
        history.lose(2, of: "eu")
        history.run(for: .seconds(60))
        let before = history.figures.turns
        history.run(for: .seconds(600))
        let turns = history.figures.turns - before
        return BalanceFinding(
            name: "B-I9",
            text: "with half of a region lost for ten minutes its share turns \(turns) times "
                + "(at most 4); " + Self.breaches(history),
            isKept: turns <= 4 && history.figures.breaches.isEmpty
        )
    }

    private static func breaches(_ history: FleetHistory) -> String {
        let breaches = history.figures.breaches
        return breaches.isEmpty ? "nothing forbidden" : "\(breaches.prefix(3))"
    }
}
