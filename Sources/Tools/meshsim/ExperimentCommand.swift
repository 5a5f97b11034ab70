public import ArgumentParser
import Foundation
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

            Exit status: 1 when a fault that was to happen did not, so that the table says nothing.

            Example: meshsim detect --nodes 1000 --seed 7 --output detect.csv
            """
    )

    @Argument(help: "Which experiment.")
    var experiment: Experiment

    @Option(help: "The first seed.")
    var seed: UInt64 = 1

    @Option(help: "How many repetitions, counting seeds up.")
    var repetitions = 1

    @Option(help: "How many nodes; each experiment has its own default.")
    var nodes: Int?

    @Flag(help: "Run what takes many minutes, too: cuts of 25 hours, churn of an hour.")
    var long = false

    @Option(
        help: """
            Write the table to this file, too: an image if its name ends in .svg, else comma \
            separated values.
            """
    )
    var output: String?

    /// Refuses what cannot be run.
    func validate() throws {
        guard (1...10_000).contains(self.repetitions) else {
            throw ValidationError("--repetitions is \(self.repetitions), but must be 1 to 10000")
        }
        if let nodes = self.nodes, !(4...20_000).contains(nodes) {
            throw ValidationError("--nodes is \(nodes), but must be 4 to 20000")
        }
    }

    /// Runs the experiment and prints its table, with what it took.
    func run() throws {
        var options = Experiment.Options()
        options.seed = self.seed
        options.repetitions = self.repetitions
        options.nodes = self.nodes
        options.isLong = self.long
        let began = ContinuousClock.now
        let table = self.experiment.run(options)
        print(table.text, terminator: "")
        print("seed \(self.seed), \(began.duration(to: .now)) of this machine")
        if let output = self.output {
            let content = output.hasSuffix(".svg") ? table.svg : table.csv
            try Data(content.utf8).write(to: URL(fileURLWithPath: output))
        }
        for text in table.missing { print("FAULT MISSING: \(text)") }
        if !table.missing.isEmpty { throw ExitCode(1) }
    }
}
