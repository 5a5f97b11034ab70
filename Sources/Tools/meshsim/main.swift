import ArgumentParser
import MeshSimulator

/// Runs cores in virtual time, from a seed.
struct Meshsim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meshsim",
        abstract: "Run many nodes in virtual time and check what the mesh promises.",
        subcommands: [MeshCommand.self, BalanceCommand.self],
        defaultSubcommand: MeshCommand.self
    )
}

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

/// Runs the cluster's cores under faults.
struct MeshCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mesh",
        abstract: "Run the cluster's cores under faults; what is done when nothing is said."
    )

    @Option(help: "The first seed.")
    var seed: UInt64 = 1

    @Option(help: "How many seeds, counting up.")
    var seeds = 1

    @Option(
        help: "What goes wrong: \(FaultProfile.all.map(\.name).joined(separator: ", ")) or all."
    )
    var profile = "all"

    @Option(help: "How many nodes; each profile has its own default.")
    var nodes: Int?

    @Flag(help: "Print one line per run and not only the failed ones.")
    var verbose = false

    /// Refuses what cannot be run.
    func validate() throws {
        guard (1...1_000_000).contains(self.seeds) else {
            throw ValidationError("--seeds is \(self.seeds), but must be 1 to 1000000")
        }
        if let nodes = self.nodes, !(2...1_000).contains(nodes) {
            throw ValidationError("--nodes is \(nodes), but must be 2 to 1000")
        }
        guard self.profile == "all" || FaultProfile.named(self.profile) != nil else {
            throw ValidationError("--profile \(self.profile) is unknown")
        }
    }

    /// Runs every seed of every profile asked for.
    func run() throws {
        let profiles = FaultProfile.named(self.profile).map { [$0] } ?? FaultProfile.all
        var failures = 0
        for profile in profiles {
            var profile = profile
            profile.nodeCount = self.nodes ?? profile.nodeCount
            failures += self.run(profile)
        }
        if failures > 0 { throw ExitCode(1) }
    }

    private func run(_ profile: FaultProfile) -> Int {
        var failures = 0
        var slowest: Duration = .zero
        for offset in 0..<self.seeds {
            var simulation = Simulation(seed: self.seed &+ UInt64(offset), profile: profile)
            let report = simulation.run()
            if report.violation != nil { failures += 1 }
            slowest = max(slowest, report.slowestDetection ?? .zero)
            if self.verbose || report.violation != nil { print(report) }
        }
        print(
            "\(profile.name): \(self.seeds) runs of \(profile.nodeCount) nodes, "
                + "\(failures) failed, slowest detection \(slowest)"
        )
        return failures
    }
}

Meshsim.main()
