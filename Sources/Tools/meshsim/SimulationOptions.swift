import ArgumentParser
import Foundation
import MeshSimulator

/// What all commands take that run something from a seed.
struct SimulationOptions: ParsableArguments {
    @Option(help: "The first seed.")
    var seed: UInt64 = 1

    @Option(help: "How many nodes; everything has its own default.")
    var nodes: Int?

    @Option(help: "Repeat the run of this seed alone, and tell what happens in it.")
    var replay: UInt64?

    @Option(help: "Make this mistake, to see it found; fails when it goes unseen.")
    var plant: String?

    @Option(
        help: """
            Write the table to this file, too: an image if its name ends in .svg, else comma \
            separated values.
            """
    )
    var output: String?

    /// Refuses a number of nodes that cannot be run.
    func checkNodes(_ range: ClosedRange<Int>) throws {
        guard let nodes = self.nodes, !range.contains(nodes) else { return }
        throw ValidationError(
            "--nodes is \(nodes), but must be \(range.lowerBound) to \(range.upperBound)"
        )
    }

    /// Prints a table and writes it to where it was asked for.
    ///
    /// - Throws: an exit status of 1 when a fault did not happen, or a promise was not kept, or, with a
    ///   mistake planted for the whole of it, all were.
    func finish(
        _ table: ExperimentTable,
        since began: ContinuousClock.Instant,
        isPlanted: Bool = false
    ) throws {
        print(table.text, terminator: "")
        let seed = self.replay ?? self.seed
        print("seed \(seed), \(began.duration(to: .now)) of this machine")
        if let output = self.output {
            let content = output.hasSuffix(".svg") ? table.svg : table.csv
            try Data(content.utf8).write(to: URL(fileURLWithPath: output))
        }
        for text in table.missing { print("MISSING \(text)") }
        for text in table.broken { print("BROKEN \(text)") }
        guard table.missing.isEmpty else { throw ExitCode(1) }
        if isPlanted {
            guard table.broken.isEmpty else { return print("caught \(self.plant ?? "")") }
            print("UNSEEN \(self.plant ?? "")")
            throw ExitCode(1)
        }
        if !table.broken.isEmpty { throw ExitCode(1) }
    }
}
