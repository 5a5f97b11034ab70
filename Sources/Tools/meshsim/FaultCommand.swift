import ArgumentParser
import MeshSimulator

/// Runs the cluster's cores under faults, and checks what the mesh promises.
struct FaultCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faults",
        abstract: "Run many nodes under faults and check what the mesh promises."
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

    @Option(help: "Repeat the run of this seed alone, with its last events.")
    var replay: UInt64?

    @Option(
        help: """
            Plant a mistake in the cores, to see it caught: \
            \(PlantedBug.allCases.map(\.rawValue).joined(separator: ", ")) or all. Fails when \
            one goes unseen under --seeds seeds.
            """
    )
    var plant: String?

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
        guard self.plant.map({ $0 == "all" || PlantedBug(rawValue: $0) != nil }) ?? true else {
            throw ValidationError("--plant \(self.plant ?? "") is no mistake that is known here")
        }
        guard self.profile == "all" || FaultProfile.named(self.profile) != nil else {
            throw ValidationError("--profile \(self.profile) is unknown")
        }
    }

    /// Runs every seed of every profile asked for.
    func run() throws {
        if let plant = self.plant { return try self.hunt(plant) }
        let profiles = FaultProfile.named(self.profile).map { [$0] } ?? FaultProfile.all
        var failures = 0
        for profile in profiles {
            var profile = profile
            profile.nodeCount = self.nodes ?? profile.nodeCount
            failures += self.replay.map { Self.replay($0, profile) } ?? self.run(profile)
        }
        if failures > 0 { throw ExitCode(1) }
    }

    /// Repeats one run and prints its last events, whether it fails or not.
    private static func replay(_ seed: UInt64, _ profile: FaultProfile) -> Int {
        var simulation = Simulation(seed: seed, profile: profile)
        let report = simulation.run()
        if report.violation == nil { print(report.lastEvents.joined(separator: "\n")) }
        print(report)
        return report.violation == nil ? 0 : 1
    }

    /// Plants mistakes and prints how each is caught.
    private func hunt(_ name: String) throws {
        let bugs = PlantedBug(rawValue: name).map { [$0] } ?? PlantedBug.allCases
        let last = self.seed &+ UInt64(max(self.seeds, 4)) - 1
        var unseen = 0
        for bug in bugs {
            guard let report = bug.caught(under: self.seed...max(self.seed, last)) else {
                unseen += 1
                print("UNSEEN \(bug)")
                continue
            }
            print(
                "caught \(bug): \(bug.showcase.promise), seed \(report.seed), profile "
                    + report.profile.name
            )
        }
        if unseen > 0 { throw ExitCode(1) }
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
