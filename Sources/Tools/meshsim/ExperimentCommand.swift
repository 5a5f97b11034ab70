public import ArgumentParser
public import MeshSimulator

extension Experiment: ExpressibleByArgument {}

/// Measures the membership, beside the figures that others have published.
struct ExperimentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Measure the membership beside published figures.",
        discussion: """
            Experiments: \(Experiment.allCases.map(\.rawValue).joined(separator: ", ")).

            The name of an experiment alone does as well.

            Mistakes that can be planted: \(Experiment.plants.map(\.rawValue).joined(separator: ", ")).

            Exit status: 1 when what was measured is not what is promised, or a fault that was to happen \
            did not, so that the table says nothing.

            Example: meshsim detect --nodes 1000 --seed 7 --output detect.csv
            """
    )

    @Argument(help: "Which experiment.")
    var experiment: Experiment

    @OptionGroup var common: SimulationOptions

    @Option(help: "How many repetitions, counting seeds up.")
    var repetitions = 1

    @Flag(help: "Run what takes many minutes, too: cuts of 25 hours, churn of an hour.")
    var long = false

    /// Refuses what cannot be run.
    func validate() throws {
        guard (1...10_000).contains(self.repetitions) else {
            throw ValidationError("--repetitions is \(self.repetitions), but must be 1 to 10000")
        }
        try self.common.checkNodes(4...20_000)
        if let plant = self.common.plant, !Experiment.plants.map(\.rawValue).contains(plant) {
            throw ValidationError("--plant \(plant) is no mistake that is known here")
        }
    }

    /// Runs the experiment and prints its table, with what it took.
    func run() throws {
        let began = ContinuousClock.now
        var options = Experiment.Options()
        options.seed = self.common.replay ?? self.common.seed
        options.repetitions = self.common.replay == nil ? self.repetitions : 1
        options.nodes = self.common.nodes
        options.isLong = self.long
        options.plant = self.common.plant.flatMap { PlantedBug(rawValue: $0) }
        if self.common.replay != nil { options.tell = { print($0) } }
        let table = self.experiment.run(options)
        try self.common.finish(table, since: began, isPlanted: options.plant != nil)
    }
}
