import ArgumentParser
import MeshSimulator

/// Shares requests out over targets and regions, and checks what is promised of that.
struct BalanceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "balance",
        abstract: "Share requests out over targets and regions that fail, and check the promises.",
        discussion: """
            Mistakes that can be planted: \
            \(BalanceMistake.allCases.map(\.rawValue).joined(separator: ", ")).

            --nodes is of the histories of fleets alone. Exit status: 1 when a promise was broken, or, \
            with a mistake, none.

            Example: meshsim balance --seeds 5 --output balance.csv
            """
    )

    @OptionGroup var common: SimulationOptions

    @Option(help: "How many seeds, counting up.")
    var seeds = 1

    /// Refuses what cannot be run.
    func validate() throws {
        guard (1...10_000).contains(self.seeds) else {
            throw ValidationError("--seeds is \(self.seeds), but must be 1 to 10000")
        }
        try self.common.checkNodes(4...200)
        if let plant = self.common.plant, BalanceMistake(rawValue: plant) == nil {
            throw ValidationError("--plant \(plant) is no mistake that is known here")
        }
    }

    /// Runs everything for every seed.
    func run() throws {
        let began = ContinuousClock.now
        let plant = self.common.plant.flatMap { BalanceMistake(rawValue: $0) }
        var table = ExperimentTable(
            "What is promised of shared requests",
            ["promise", "kept", "seen"]
        )
        for offset in 0..<UInt64(self.common.replay == nil ? self.seeds : 1) {
            let seed = (self.common.replay ?? self.common.seed) &+ offset
            table.add(
                BalanceCases.run(seed: seed, plant: plant)
                    + BalanceHistories.run(seed: seed, nodes: self.common.nodes, plant: plant)
            )
        }
        try self.common.finish(table, since: began, isPlanted: plant != nil)
    }
}
