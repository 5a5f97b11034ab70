import MeshChangelog
import MeshMembership

/// A mistake put between cores and network on purpose, to prove that a checker can fail.
public enum PlantedBug: String, CaseIterable, Sendable {
    /// Nodes never hear what others say about them, so they cannot refute.
    case deafToAccusations
    /// Every probe by stream is reported answered, so the dead look alive.
    case blindProbes
    /// Full exchanges and introductions are lost, so what gossip missed stays missing.
    case noFullSync
    /// Datagrams may be three times as large as they should.
    case largeDatagrams
    /// Some writes are acknowledged but neither stored nor sent.
    case hastyAcknowledgement
    /// What nodes observe stops arriving.
    case deafToObservations
    /// Nodes judge targets without regard to what their peers say.
    case deafToVotes
    /// Stores never exchange what they missed.
    case noRepair
    /// A changelog takes every peer's root for its own, so it asks nobody for what it lacks.
    case echoedRoots
    /// Half of the nodes refuse an entity that the others take.
    case mixedRules
    /// A changelog takes no generation above those it holds.
    case noLead
    /// Every node's own mesh stands from its birth, so those that meet keep apart.
    case bornFounded
    /// Suspicions last for minutes, so the dead stay.
    case endlessSuspicion
    /// Suspicions last one interval, whatever this node itself has missed.
    case hastyVerdicts

    /// Faults under which the mistake shows, and the promise that it breaks.
    public var showcase: (profile: FaultProfile, promise: Violation.Promise) {
        switch self {
        case .deafToAccusations: (.stalls, .accuracy)
        case .blindProbes: (.kill, .detection)
        case .noFullSync: (.split, .equalViews)
        case .largeDatagrams: (Self.crowd, .datagramSize)
        case .hastyAcknowledgement: (.calm, .durability)
        case .deafToObservations: (.calm, .equalObservations)
        case .deafToVotes: (Self.region, .health)
        case .noRepair, .echoedRoots: (.split, .equalStores)
        case .mixedRules: (Self.busy, .equalStores)
        case .noLead: (.calm, .equalStores)
        case .bornFounded: (.calm, .oneMesh)
        case .endlessSuspicion: (.kill, .detection)
        case .hastyVerdicts: (.stalls, .accuracy)
        }
    }

    /// The first of some seeds under which the promise is broken; `nil` when the mistake goes unseen.
    public func caught(under seeds: some Sequence<UInt64>) -> SimulationReport? {
        for seed in seeds {
            var simulation = Simulation(seed: seed, profile: self.showcase.profile, bug: self)
            let report = simulation.run()
            if report.violation?.promise == self.showcase.promise { return report }
        }
        return nil
    }

    /// Plants mistakes one after the other, and tells by which seed each is caught; one that goes unseen
    /// breaks what is promised of the checkers.
    public static func hunt(_ bugs: [PlantedBug], seeds: ClosedRange<UInt64>) -> ExperimentTable {
        var table = ExperimentTable(
            "Mistakes planted between the cores, and the first seed that shows each",
            ["mistake", "profile", "seed", "broken promise"]
        )
        for bug in bugs {
            let report = bug.caught(under: seeds)
            table.promise(report != nil, "\(bug) went unseen in \(seeds.count) seeds")
            table.add([
                bug.rawValue, bug.showcase.profile.name, report.map { "\($0.seed)" } ?? "unseen",
                report == nil ? "-" : bug.showcase.promise.rawValue,
            ])
        }
        return table
    }

    /// Enough members to fill datagrams: all of them have something to say when cuts end.
    private static let crowd: FaultProfile = {
        var profile = FaultProfile.split
        profile.nodeCount = 24
        profile.quietSeconds = 1
        return profile
    }()

    /// More nodes in a region than check a target, some of which send it nothing.
    private static let region: FaultProfile = {
        var profile = FaultProfile.calm
        profile.nodeCount = 12
        return profile
    }()

    /// Many writes, so that each entity is written.
    private static let busy: FaultProfile = {
        var profile = FaultProfile.calm
        profile.writesPerSecond = 4
        return profile
    }()

    /// What the mistake makes of the members' settings.
    func spoil(_ configuration: inout MembershipConfiguration) {
        switch self {
        case .largeDatagrams: configuration.datagramByteLimit *= 3
        case .endlessSuspicion:
            configuration.suspicionMultiplier = 600
        case .hastyVerdicts:
            configuration.suspicionMultiplier = 1
            configuration.suspicionMaximumMultiplier = 1
            configuration.mechanisms = []
        case .deafToAccusations, .blindProbes, .noFullSync, .hastyAcknowledgement,
            .deafToObservations, .deafToVotes, .noRepair, .bornFounded, .echoedRoots, .mixedRules,
            .noLead:
            break
        }
    }

    /// What the mistake makes of a changelog's settings and rules.
    func spoil(
        _ configuration: inout ChangelogConfiguration,
        _ rules: inout StructuralRules,
        at index: Int
    ) {
        if self == .noLead { configuration.generationLead = 0 }
        guard self == .mixedRules, index % 2 == 1 else { return }
        rules = StructuralRules(
            facts: { key, body in
                guard key != "services/3" else {
                    return EntityFacts(fault: "refused here alone")
                }
                return SimulatedRules.facts(of: key, body)
            },
            hash: SimulatedHash.hash
        )
    }
}
