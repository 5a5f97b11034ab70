import MeshBalancing
import MeshHealth
import MeshPrimitives

/// The targets of a simulation, four in each of two regions, and which of them fail.
struct SimulatedTargets {
    /// How many there are: 8.
    static let count = 8

    /// All of them, those of the first region first.
    let all: [HealthTarget]
    /// Those that refuse connections, by place in ``all``.
    private(set) var failing: Set<Int> = []
    private var generator: SeededGenerator

    /// Creates targets that all answer.
    init(generator: SeededGenerator) {
        self.generator = generator
        self.all = (0..<Self.count).map { place in
            HealthTarget(port: UInt16(1_000 + place), region: place < 4 ? "eu" : "us")
        }
    }

    /// Whether one has answered all the time, whatever was drawn: the first of the first region.
    func isFaithful(_ id: TargetID) -> Bool { id == self.all[0].id }

    /// Whether one fails now.
    func isFailing(_ id: TargetID) -> Bool { self.failing.contains { self.all[$0].id == id } }

    /// Those that a node has which routes by some entities; two go and come with one of them.
    func used(by isThere: (String) -> Bool) -> [HealthTarget] {
        let isWhole = isThere("services/1")
        return self.all.indices.filter { isWhole || $0 % 4 != 3 }.map { self.all[$0] }
    }

    /// Lets one of a region fail and the others answer, or all answer, or all of the second region fail.
    mutating func change() {
        let region = self.generator.next(below: 2)
        let kind = self.generator.next(below: 6)
        self.failing = self.failing.filter { $0 / 4 != region }
        if kind == 0, region == 1 { self.failing.formUnion(4..<8) }
        if kind > 1 { self.failing.insert(region * 4 + 1 + self.generator.next(below: 3)) }
    }

    /// Lets a region that fails whole answer again, but for one target.
    mutating func calmDown() {
        guard self.failing.contains(4) else { return }
        self.failing = self.failing.filter { $0 < 4 }.union([5])
    }
}

/// What one node makes of targets and regions.
struct SimulatedHealth {
    var machine: HealthMachine
    var regions: RegionMachine
    /// Those that the configuration in use has.
    private(set) var targets: [HealthTarget] = []
    /// The share of its weight that a target gets; 1 when nothing is said.
    private(set) var factors: [TargetID: Float] = [:]
    /// Of the own and of the other region, in thousandths.
    var shares: [UInt16] = [1_000, 0]
    private var trials: Set<TargetID> = []
    /// Whether its votes are about to be told.
    var willPublish = false
    let region: String

    /// Creates the machines of a node that has no targets yet.
    init(_ peer: HealthPeer, fleetOffset: Duration) {
        // A run lasts a minute or two.
        var timing = HealthTiming()
        timing.recoveryInterval = .milliseconds(250)
        (timing.backoff, timing.maximumBackoff) = (.seconds(2), .seconds(4))
        timing.ramp = .seconds(4)
        self.machine = HealthMachine(node: peer, timing: timing, fleetOffset: fleetOffset)
        self.regions = RegionMachine(fleetOffset: fleetOffset)
        self.region = peer.region
    }

    /// Takes over the targets of a configuration; one that is new takes requests until told otherwise.
    mutating func use(_ targets: [HealthTarget]) {
        self.targets = targets
        let ids = Set(targets.map(\.id))
        self.factors = self.factors.filter { ids.contains($0.key) }
        self.trials.formIntersection(ids)
    }

    /// The targets as both machines are told of them.
    var upstreams: (health: HealthUpstream, regions: RegionMachine.Upstream) {
        var settings = HealthSettings()
        settings.active.healthyInterval = .seconds(2)
        var policy = RegionPolicy(hold: .seconds(2))
        policy.ramp = .seconds(4)
        let order = [self.region, self.region == "eu" ? "us" : "eu"]
        let regions = RegionMachine.Upstream(
            name: "api",
            regions: order,
            policy: policy,
            targets: self.targets.map { ($0.id, $0.region == order[0] ? 0 : 1, 100) }
        )
        return (HealthUpstream(settings: settings, targets: self.targets), regions)
    }

    /// The share of a target's weight.
    func factor(of id: TargetID) -> Float { self.factors[id] ?? 1 }

    /// Takes over the share of a target's weight.
    mutating func setFactor(_ factor: Float, of id: TargetID) { self.factors[id] = factor }

    /// Lets one request try a target.
    mutating func allowTrial(of id: TargetID) { self.trials.insert(id) }

    /// What becomes of some requests to every target that takes any.
    mutating func requests(to world: SimulatedTargets) -> [TargetObservation] {
        self.targets.compactMap { target in
            let isTrial = self.trials.remove(target.id) != nil
            let share = self.shares[target.region == self.region ? 0 : 1]
            guard isTrial || (share > 0 && self.factor(of: target.id) > 0) else { return nil }
            var seen = TargetObservation(id: target.id)
            if world.isFailing(target.id) {
                seen.connectFailures = 1
            } else {
                seen.statuses = [.init(status: 200, count: isTrial ? 1 : 6)]
                seen.latencySteps = (isTrial ? 1 : 6) * LatencyLogarithm.step(microseconds: 10_000)
            }
            return seen
        }
    }
}

/// Checks what nodes make of targets.
enum HealthChecker {
    /// Judges a share that a node gives a target from now on.
    static func check(
        _ factor: Float,
        of id: TargetID,
        at node: SimulatedNode,
        _ world: SimulatedTargets,
        _ now: MonotonicInstant
    ) -> Violation? {
        guard factor <= 0, world.isFaithful(id) else { return nil }
        return Self.broken(node, "takes a target out of use that answers everybody", now)
    }

    /// Judges, once it is quiet, that a node uses the targets that answer and none else.
    static func checkQuiet(
        _ node: SimulatedNode,
        _ world: SimulatedTargets,
        _ now: MonotonicInstant
    ) -> Violation? {
        guard let health = node.health, !health.targets.isEmpty else { return nil }
        for target in health.targets {
            let wanted: Float = world.isFailing(target.id) ? 0 : 1
            let found = health.factor(of: target.id)
            guard found != wanted else { continue }
            return Self.broken(node, "gives \(target.name) \(found) and not \(wanted)", now)
        }
        return nil
    }

    /// Judges, once it is quiet, that nodes share their requests out over regions alike, almost all to
    /// their own.
    static func checkQuiet(_ nodes: [SimulatedNode], _ now: MonotonicInstant) -> Violation? {
        var shares: [[TargetID]: [UInt16]] = [:]
        for node in nodes {
            guard let health = node.health, !health.targets.isEmpty else { continue }
            let near = health.targets.filter { $0.region == health.region }
            let known = shares[near.map(\.id)] ?? health.shares
            guard known == health.shares, known[0] >= 900 else {
                let text = "sends \(health.shares) to its region and the other, another \(known)"
                return Self.broken(node, text, now)
            }
            shares[near.map(\.id)] = known
        }
        return nil
    }

    private static func broken(
        _ node: SimulatedNode,
        _ text: String,
        _ now: MonotonicInstant
    ) -> Violation {
        Violation(promise: .health, at: now, text: "node \(node.index) \(text)")
    }
}
