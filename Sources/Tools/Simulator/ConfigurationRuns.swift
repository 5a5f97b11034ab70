/// Runs of whole nodes for what is promised of configurations, as tables.
public enum ConfigurationRuns {
    /// Runs profiles for some seeds.
    ///
    /// - Parameters:
    ///   - profiles: what goes wrong.
    ///   - seed: the first seed.
    ///   - seeds: how many.
    ///   - tell: is given each failed run with its last events.
    /// - Returns: one row per profile; what failed is missing.
    public static func faults(
        _ profiles: [FaultProfile],
        seed: UInt64,
        seeds: Int,
        _ tell: (String) -> Void
    ) -> ExperimentTable {
        var table = ExperimentTable(
            "Whole nodes under faults; what has happened is summed over all runs",
            ["profile", "nodes", "runs", "failed", "inputs"] + Happening.allCases.map(\.rawValue)
        )
        for profile in profiles {
            var failures = 0
            var inputs = 0
            var happened: [Happening: Int] = [:]
            for offset in 0..<UInt64(seeds) {
                var simulation = Simulation(seed: seed &+ offset, profile: profile)
                let report = simulation.run()
                inputs += report.inputCount
                happened.merge(report.happened, uniquingKeysWith: +)
                guard report.violation != nil else { continue }
                failures += 1
                tell("\(report)")
            }
            table.expect(failures == 0, "\(profile.name): \(failures) of \(seeds) runs failed")
            table.add(
                ["\(profile.name)", "\(profile.nodeCount)", "\(seeds)", "\(failures)", "\(inputs)"]
                    + Happening.allCases.map { "\(happened[$0, default: 0])" }
            )
        }
        return table
    }

    /// Repeats one seed under each profile, and tells its last events.
    public static func replay(
        _ seed: UInt64,
        _ profiles: [FaultProfile],
        _ tell: (String) -> Void
    ) -> ExperimentTable {
        var table = ExperimentTable("Seed \(seed)", ["profile", "nodes", "inputs", "broken"])
        for profile in profiles {
            var simulation = Simulation(seed: seed, profile: profile)
            let report = simulation.run()
            if report.violation == nil { tell(report.lastEvents.joined(separator: "\n")) }
            tell("\(report)")
            let broken = report.violation?.promise.rawValue
            table.expect(broken == nil, "\(profile.name): \(broken ?? "")")
            table.add([
                profile.name, "\(profile.nodeCount)", "\(report.inputCount)", broken ?? "-",
            ])
        }
        return table
    }

    /// Plants mistakes in the cores and looks for the first seed that shows each.
    package static func mutants(
        _ mutants: [CoreMutant],
        seed: UInt64,
        seeds: Int
    ) -> ExperimentTable {
        var table = ExperimentTable(
            "Mistakes planted inside the cores, and the first seed that shows each",
            ["mistake", "profile", "seed", "seeds tried", "broken promise"]
        )
        for mutant in mutants {
            let report = mutant.caught(under: seed..<(seed &+ UInt64(seeds)))
            table.expect(report != nil, "\(mutant.name) went unseen in \(seeds) seeds")
            table.add([
                mutant.name, mutant.showcase.name, report.map { "\($0.seed)" } ?? "unseen",
                "\(report.map { $0.seed - seed + 1 } ?? UInt64(seeds))",
                report?.violation?.promise.rawValue ?? "-",
            ])
        }
        return table
    }
}
