import MeshMembership
import MeshPrimitives

/// A measurement of the membership in virtual time, beside the figures that others have published.
public enum Experiment: String, CaseIterable, Sendable {
    /// False alarms with blocked members, in the five configurations of the Lifeguard paper and ours.
    case lifeguard
    /// From a crash to its detection, of one and of many at once.
    case detect
    /// From the end of a cut to one view.
    case partition
    /// From the start of all nodes at once to one view.
    case bootstrap
    /// Short-lived members, many per minute.
    case churn
    /// Bytes that a fleet costs in which nothing happens.
    case idle
    /// Joins while datagrams are lost, as in the SWIM paper.
    case loss
    /// Nodes that receive nothing half of the time, as in the Rapid paper.
    case oneway
    /// Nodes that lose four packets of five, as in the Rapid paper.
    case lossy
    /// Half of all datagrams lost.
    case noise
    /// From a change at one node to the same configuration at all.
    case config

    /// How one is run.
    public struct Options: Sendable {
        /// Seeds the run.
        public var seed: UInt64 = 1
        /// How many nodes; `nil` runs the experiment's own sizes.
        public var nodes: Int?
        /// Whether what takes many minutes is run, too.
        public var isLong = false
        /// How many repetitions, counting seeds up.
        public var repetitions = 1
        /// A mistake to make, to see that the experiment shows it.
        public var plant: PlantedBug?
        /// Is given every change of a member's state at every node, as it happens.
        public var tell: (@Sendable (String) -> Void)?

        /// Creates the defaults.
        public init() {}

        /// Nodes for a run of these options.
        func fleet(
            _ count: Int,
            _ configuration: MembershipConfiguration,
            seed: UInt64
        ) -> ExperimentFleet {
            ExperimentFleet(count, configuration, seed: seed, plant: self.plant, tell: self.tell)
        }
    }

    /// Mistakes that can be made in one: those of the membership.
    public static let plants: [PlantedBug] = [
        .deafToAccusations, .blindProbes, .noFullSync, .endlessSuspicion, .hastyVerdicts,
    ]

    /// Runs it.
    public func run(_ options: Options) -> ExperimentTable {
        switch self {
        case .lifeguard: LifeguardExperiment.run(options)
        case .detect: DetectionExperiment.run(options)
        case .partition: PartitionExperiment.run(options)
        case .bootstrap: BootstrapExperiment.run(options)
        case .churn: ChurnExperiment.run(options)
        case .idle: IdleExperiment.run(options)
        case .loss: LossExperiment.run(options)
        case .oneway: UnreliableExperiment.run([.deafByTurns], options)
        case .lossy: UnreliableExperiment.run([.lossIn, .lossOut], options)
        case .noise: NoiseExperiment.run(options)
        case .config: ConfigurationExperiment.run(options)
        }
    }
}

/// A variable that closures of an experiment share; used by one thread.
final class Tally<Value> {
    var value: Value

    init(_ value: Value) { self.value = value }
}

extension ExperimentFleet {
    /// Whether every running node sees exactly the running nodes as present.
    func agrees() -> Bool {
        let running = self.nodes.indices.filter { self.nodes[$0] != nil }
        return running.allSatisfy { self.nodes[$0]?.presentCount == running.count }
    }
}
