import ArgumentParser
import Foundation
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

    @Option(help: "The first seed.")
    var seed: UInt64 = 1

    @Option(help: "How many seeds, counting up; with --plant, how many a mistake may take.")
    var seeds = 20

    @Option(help: "How many nodes; each profile has its own default.")
    var nodes: Int?

    @Option(help: "What goes wrong.")
    var profile: String?

    @Option(help: "Repeat the run of this seed alone, with its last events.")
    var replay: UInt64?

    @Option(help: "Plant a mistake in a core, to see it caught.")
    var plant: String?

    @Option(
        help: """
            Write the table to this file, too: an image if its name ends in .svg, else comma \
            separated values.
            """
    )
    var output: String?

    /// Refuses what cannot be run.
    func validate() throws {
        guard (1...1_000_000).contains(self.seeds) else {
            throw ValidationError("--seeds is \(self.seeds), but must be 1 to 1000000")
        }
        if let nodes = self.nodes, !(4...20_000).contains(nodes) {
            throw ValidationError("--nodes is \(nodes), but must be 4 to 20000")
        }
        if let profile = self.profile, profile != "all", FaultProfile.named(profile) == nil {
            throw ValidationError("--profile \(profile) is unknown")
        }
        if let plant = self.plant, plant != "all", CoreMutant.named(plant) == nil {
            throw ValidationError("--plant \(plant) is no mistake that is known here")
        }
    }

    /// Does what the options ask for, and writes its table.
    func run() throws {
        let began = ContinuousClock.now
        let table: ExperimentTable
        if let plant = self.plant {
            let mutants = CoreMutant.named(plant).map { [$0] } ?? CoreMutant.allCases
            table = ConfigurationRuns.mutants(mutants, seed: self.seed, seeds: self.seeds)
        } else if let seed = self.replay {
            table = ConfigurationRuns.replay(seed, self.profiles) { print($0) }
        } else if self.profile != nil {
            table = ConfigurationRuns.faults(self.profiles, seed: self.seed, seeds: self.seeds) {
                print($0)
            }
        } else {
            var options = Experiment.Options()
            options.seed = self.seed
            options.nodes = self.nodes
            table = Experiment.config.run(options)
        }
        print(table.text, terminator: "")
        print("seed \(self.seed), \(began.duration(to: .now)) of this machine")
        if let output = self.output {
            let content = output.hasSuffix(".svg") ? table.svg : table.csv
            try Data(content.utf8).write(to: URL(fileURLWithPath: output))
        }
        for text in table.missing { print("MISSING: \(text)") }
        if !table.missing.isEmpty { throw ExitCode(1) }
    }

    private var profiles: [FaultProfile] {
        let wanted =
            self.profile.flatMap { FaultProfile.named($0) }.map { [$0] }
            ?? FaultProfile.configuration
        return wanted.map { profile in
            var profile = profile
            profile.nodeCount = self.nodes ?? profile.nodeCount
            return profile
        }
    }
}
