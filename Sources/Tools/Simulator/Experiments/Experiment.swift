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

        /// Creates the defaults.
        public init() {}
    }

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

/// E1 of the Lifeguard paper: 128 members, some of which are blocked again and again.
enum LifeguardExperiment {
    private static let modes: [(name: String, mechanisms: Mechanisms, published: String)] = [
        ("SWIM", [], "100 / 100"), ("LHA-Probe", [.localHealth], "67.72 / 32.88"),
        ("LHA-Suspicion", [.dynamicSuspicion], "3.00 / 6.71"), ("Buddy", [.buddy], "94.08 / 44.57"),
        ("Lifeguard", .lifeguard, "1.53 / 1.89"), ("ours", .all, "–"),
    ]

    static func run(_ options: Experiment.Options) -> ExperimentTable {
        var table = ExperimentTable(
            "False alarms, \(options.nodes ?? 128) members, blocked groups of 4 to 32, 120 s each; "
                + "published: share of SWIM's in % (all / at healthy members)",
            ["mode", "all", "%", "at healthy", "%", "messages %", "bytes %", "published"]
        )
        var base: Outcome?
        for mode in self.modes {
            var sum = Outcome()
            for blocked in [4, 16, 32] {
                for offset in 0..<options.repetitions {
                    sum.add(
                        self.measure(
                            mode.mechanisms,
                            options.nodes ?? 128,
                            blocked,
                            seed: options.seed &+ UInt64(offset)
                        )
                    )
                }
            }
            table.expect(sum.delayed > 0, "no member was blocked under \(mode.name)")
            let swim = base ?? sum
            base = swim
            table.add([
                mode.name, "\(sum.all)", Self.share(sum.all, swim.all), "\(sum.healthy)",
                Self.share(sum.healthy, swim.healthy),
                Self.share(Int(sum.messages), Int(swim.messages)),
                Self.share(Int(sum.bytes), Int(swim.bytes)), mode.published,
            ])
        }
        return table
    }

    private struct Outcome {
        var all = 0
        var healthy = 0
        var messages: UInt64 = 0
        var bytes: UInt64 = 0
        var delayed: UInt64 = 0

        mutating func add(_ other: Outcome) {
            self.all += other.all
            self.healthy += other.healthy
            self.messages += other.messages
            self.bytes += other.bytes
            self.delayed += other.delayed
        }
    }

    /// A healthy member declared failed counts once at every member that believes it.
    private static func measure(
        _ mechanisms: Mechanisms,
        _ count: Int,
        _ blocked: Int,
        seed: UInt64
    ) -> Outcome {
        var configuration = MembershipConfiguration.lan
        configuration.mechanisms = mechanisms
        if mechanisms != .all {
            configuration.suspicionMultiplier = 5
            configuration.suspicionMaximumMultiplier = 6
            configuration.suspicionConfirmations = 3
            configuration.probeTimeout = .milliseconds(500)
        }
        var fleet = ExperimentFleet(count, configuration, seed: seed)
        let tally = Tally((all: 0, healthy: 0))
        let slow = Tally(Set<Int>())
        fleet.onEvent = { sighting in
            guard case .changed(let member, let before) = sighting.event,
                member.state == .failed, before != .failed,
                !slow.value.contains(ExperimentFleet.index(member.id))
            else { return }
            tally.value.all += 1
            if !slow.value.contains(sighting.observer) { tally.value.healthy += 1 }
        }
        fleet.startKnowing()
        fleet.run(until: 15)
        let (messages, bytes) = (fleet.datagrams, fleet.bytes)
        slow.value = Set((0..<blocked).map { $0 * count / blocked })
        // Blocked for 16 s, running for 0.25 s, for 120 s; what comes meanwhile waits.
        var second = 15.0
        while second < 135 {
            for index in slow.value {
                fleet.block(
                    index,
                    until: MonotonicInstant(nanoseconds: Int64((second + 16) * 1e9))
                )
            }
            second += 16.25
            fleet.run(until: second)
        }
        var outcome = Outcome(all: tally.value.all, healthy: tally.value.healthy)
        outcome.delayed = fleet.delayedCount
        outcome.messages = fleet.datagrams - messages
        outcome.bytes = fleet.bytes - bytes
        return outcome
    }

    private static func share(_ value: Int, _ base: Int) -> String {
        base == 0 ? "–" : ExperimentTable.seconds(100 * Double(value) / Double(base))
    }
}
