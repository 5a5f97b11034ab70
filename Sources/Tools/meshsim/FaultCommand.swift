import ArgumentParser
import MeshSimulator

/// Runs the cluster's cores under faults, and checks what the mesh promises.
struct FaultCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faults",
        abstract: "Run many nodes under faults and check what the mesh promises."
    )

    @OptionGroup var common: SimulationOptions

    @Option(help: "How many seeds, counting up.")
    var seeds = 1

    @Option(
        help: "What goes wrong: \(FaultProfile.all.map(\.name).joined(separator: ", ")) or all."
    )
    var profile = "all"

    @Flag(help: "Print one line per run and not only the failed ones.")
    var verbose = false

    /// Refuses what cannot be run.
    func validate() throws {
        guard (1...1_000_000).contains(self.seeds) else {
            throw ValidationError("--seeds is \(self.seeds), but must be 1 to 1000000")
        }
        try self.common.checkNodes(2...1_000)
        if let plant = self.common.plant, plant != "all", PlantedBug(rawValue: plant) == nil {
            throw ValidationError("--plant \(plant) is no mistake that is known here")
        }
        guard self.profile == "all" || FaultProfile.named(self.profile) != nil else {
            throw ValidationError("--profile \(self.profile) is unknown")
        }
    }

    /// Runs every seed of every profile asked for.
    func run() throws {
        let began = ContinuousClock.now
        if let plant = self.common.plant {
            return try self.common.finish(self.hunt(plant), since: began)
        }
        let profiles = FaultProfile.named(self.profile).map { [$0] } ?? FaultProfile.all
        var table = ExperimentTable(
            "Whole nodes under faults",
            ["profile", "nodes", "runs", "failed", "slowest detection"]
        )
        for profile in profiles {
            var profile = profile
            profile.nodeCount = self.common.nodes ?? profile.nodeCount
            let (failures, slowest) =
                self.common.replay.map { Self.replay($0, profile) } ?? self.run(profile)
            table.add(
                failures: failures,
                of: self.common.replay == nil ? self.seeds : 1,
                profile,
                slowest: slowest
            )
        }
        try self.common.finish(table, since: began)
    }

    /// Repeats one run and prints its last events, whether it fails or not.
    private static func replay(_ seed: UInt64, _ profile: FaultProfile) -> (Int, Duration) {
        var simulation = Simulation(seed: seed, profile: profile)
        let report = simulation.run()
        if report.violation == nil { print(report.lastEvents.joined(separator: "\n")) }
        print(report)
        return (report.violation == nil ? 0 : 1, report.slowestDetection ?? .zero)
    }

    /// Plants mistakes and tells how each is caught.
    private func hunt(_ name: String) -> ExperimentTable {
        let bugs = PlantedBug(rawValue: name).map { [$0] } ?? PlantedBug.allCases
        let last = self.common.seed &+ UInt64(max(self.seeds, 16)) - 1
        return PlantedBug.hunt(bugs, seeds: self.common.seed...max(self.common.seed, last))
    }

    private func run(_ profile: FaultProfile) -> (Int, Duration) {
        var failures = 0
        var slowest: Duration = .zero
        for offset in 0..<self.seeds {
            var simulation = Simulation(seed: self.common.seed &+ UInt64(offset), profile: profile)
            let report = simulation.run()
            if report.violation != nil { failures += 1 }
            slowest = max(slowest, report.slowestDetection ?? .zero)
            if self.verbose || report.violation != nil { print(report) }
        }
        return (failures, slowest)
    }
}
