import ArgumentParser
import MeshSimulator

/// Shares requests out over targets and regions, and checks what is promised of that.
struct BalanceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "balance",
        abstract: "Share requests out over targets and regions that fail, and check the promises."
    )

    @Option(help: "The first seed.")
    var seed: UInt64 = 1

    @Option(help: "How many seeds, counting up.")
    var seeds = 1

    /// Refuses what cannot be run.
    func validate() throws {
        guard (1...10_000).contains(self.seeds) else {
            throw ValidationError("--seeds is \(self.seeds), but must be 1 to 10000")
        }
    }

    /// Runs everything for every seed.
    func run() throws {
        var failures = 0
        for offset in 0..<UInt64(self.seeds) {
            let seed = self.seed &+ offset
            for finding in BalanceCases.run(seed: seed) + BalanceHistories.run(seed: seed) {
                if !finding.isKept { failures += 1 }
                print("\(finding.isKept ? "kept" : "BROKEN") \(finding.name): \(finding.text)")
            }
        }
        if failures > 0 { throw ExitCode(1) }
    }
}
