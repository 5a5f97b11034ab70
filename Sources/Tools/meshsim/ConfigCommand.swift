import ArgumentParser
import MeshSimulator

/// Measures how configurations spread, and runs whole nodes under what may happen to them.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Measure how a change spreads, and check what configurations promise.",
        discussion: """
            Without --profile, --replay and --plant: the time from a change to all nodes.

            Profiles: \(FaultProfile.configuration.map(\.name).joined(separator: ", ")), or all.

            Mistakes inside the cores: \(CoreMutant.allCases.map(\.name).joined(separator: ", ")), or all.

            Exit status: 1 when a promise was broken, a mistake went unseen, or a fault that was to \
            happen did not.

            Example: meshsim config --profile all --seeds 100 --output config.csv
            """
    )

    @OptionGroup var common: SimulationOptions

    @Option(help: "How many seeds, counting up; with --plant, how many a mistake may take.")
    var seeds = 20

    @Option(help: "What goes wrong.")
    var profile: String?

    /// Refuses what cannot be run.
    func validate() throws {
        guard (1...1_000_000).contains(self.seeds) else {
            throw ValidationError("--seeds is \(self.seeds), but must be 1 to 1000000")
        }
        try self.common.checkNodes(4...20_000)
        if let profile = self.profile, profile != "all", FaultProfile.named(profile) == nil {
            throw ValidationError("--profile \(profile) is unknown")
        }
        if let plant = self.common.plant, plant != "all", CoreMutant.named(plant) == nil {
            throw ValidationError("--plant \(plant) is no mistake that is known here")
        }
    }

    /// Does what the options ask for, and writes its table.
    func run() throws {
        let began = ContinuousClock.now
        let table: ExperimentTable
        if let plant = self.common.plant {
            let mutants = CoreMutant.named(plant).map { [$0] } ?? CoreMutant.allCases
            table = ConfigurationRuns.mutants(mutants, seed: self.common.seed, seeds: self.seeds)
        } else if let seed = self.common.replay {
            table = ConfigurationRuns.replay(seed, self.profiles) { print($0) }
        } else if self.profile != nil {
            table = ConfigurationRuns.faults(
                self.profiles,
                seed: self.common.seed,
                seeds: self.seeds
            ) {
                print($0)
            }
        } else {
            var options = Experiment.Options()
            options.seed = self.common.seed
            options.nodes = self.common.nodes
            table = Experiment.config.run(options)
        }
        try self.common.finish(table, since: began)
    }

    private var profiles: [FaultProfile] {
        let wanted =
            self.profile.flatMap { FaultProfile.named($0) }.map { [$0] }
            ?? FaultProfile.configuration
        return wanted.map { profile in
            var profile = profile
            profile.nodeCount = self.common.nodes ?? profile.nodeCount
            return profile
        }
    }
}
