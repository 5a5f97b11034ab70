package import MeshActivation
package import MeshChangelog
package import MeshObservations

/// A mistake inside one of the cores, to prove that the simulation finds such ones.
package enum CoreMutant: Hashable, CaseIterable, Sendable {
    /// Of the changelog.
    case changelog(ChangelogFlaw)
    /// Of the observations.
    case observations(ObservationFlaw)
    /// Of the configuration machine.
    case activation(ConfigurationFlaw)

    /// All of them.
    package static let allCases: [CoreMutant] =
        ChangelogFlaw.allCases.map { .changelog($0) }
        + ObservationFlaw.allCases.map { .observations($0) }
        + ConfigurationFlaw.allCases.map { .activation($0) }

    /// Its name on the command line.
    package var name: String {
        switch self {
        case .changelog(let flaw): flaw.rawValue
        case .observations(let flaw): flaw.rawValue
        case .activation(let flaw): flaw.rawValue
        }
    }

    /// The mutant with a name.
    package static func named(_ name: String) -> CoreMutant? {
        self.allCases.first { $0.name == name }
    }

    /// Faults under which it shows.
    package var showcase: FaultProfile {
        switch self {
        case .changelog(let flaw):
            switch flaw {
            case .acknowledgesAlone: Self.busy(.lost)
            case .appliesInOrderOfArrival, .keepsPartOfRefused, .hidesConflicts: .rivals
            case .letsLateOnesWin, .dropsDisplaced: .away
            case .ignoresOtherContents: .copied
            case .forgetsFolded: .disks
            case .knowsStreamsOnly: .datagramsOnly
            case .takesAnyGeneration: .liar
            }
        case .observations(let flaw):
            switch flaw {
            case .neverWithdraws: .calm
            case .ignoresRestarts, .keepsFormerStarts: .crashes
            case .neverRepairs: .lossy
            case .staysBelowItself: .liar
            }
        case .activation(let flaw): flaw == .forgetsLastGood ? .mixed : Self.busy(.rivals)
        }
    }

    /// The first of some seeds under which a promise is broken; `nil` when the mistake goes unseen.
    ///
    /// A fault that did not happen is no such promise.
    package func caught(under seeds: some Sequence<UInt64>) -> SimulationReport? {
        for seed in seeds {
            var simulation = Simulation(seed: seed, profile: self.showcase, mutant: self)
            let report = simulation.run()
            guard let violation = report.violation, violation.promise != .faults else { continue }
            return report
        }
        return nil
    }

    /// The same faults with many writes.
    private static func busy(_ profile: FaultProfile) -> FaultProfile {
        var profile = profile
        profile.writesPerSecond = 8
        return profile
    }

    func spoil(_ rules: inout StructuralRules) {
        if case .changelog(let flaw) = self { rules.flaw = flaw }
    }

    func spoil(_ configuration: inout ObservationConfiguration) {
        if case .observations(let flaw) = self { configuration.flaw = flaw }
    }

    func spoil(_ setup: inout ConfigurationMachine.Setup) {
        if case .activation(let flaw) = self { setup.flaw = flaw }
    }
}
