import MeshBalancing
import MeshHealth
import MeshPrimitives

/// Nodes with the machines that decide about targets and regions, targets that come, go, fail and
/// return, and gossip that is late or lost; time passes only from event to event.
struct FleetHistory: TimedRun {
    /// What goes on.
    struct Script {
        var nodes = 6
        var targetsPerRegion = 4
        /// Mean seconds between two faults; 0 for none.
        var faultsEvery = 0.0
        /// Mean seconds between two changes of the configuration or of DNS; 0 for none.
        var changesEvery = 0.0
        /// Seconds between two looks at all targets by requests.
        var pace: Int64 = 1
        /// Per cent of gossip that is lost.
        var loss = 0
        /// Nodes of the first region that reach the first target of each region only in vain.
        ///
        /// Where there are any, only they send requests, so that the others have nothing but their word
        /// and checks.
        var liars = 0
        /// Whether the first node hears no operator's order.
        var isFirstDeaf = false
    }

    /// What a run has shown.
    struct Figures {
        var probes = 0
        var inputs = 0
        var wakes = 0
        var events = 0
        /// What was seen that must never be, in words.
        var breaches: [String] = []
        /// Changes of direction of a region's share at the first node.
        var turns = 0
    }

    enum Event {
        case wake(Int)
        case regionWake(Int)
        case result(Int, ProbeResult)
        case publish(Int)
        case deliver(HealthReport, number: Int, from: Int, to: Int)
        case traffic
        case fault
        case change
    }

    private struct Node {
        let peer: HealthPeer
        var health: HealthMachine
        var regions = RegionMachine()
        var factors: [TargetID: Float] = [:]
        var stages: [TargetID: TargetStage] = [:]
        var shares: [UInt16] = []
        var willPublish = false
        /// How many reports it has published, and the newest that it has heard of each node.
        var published = 0
        var heard: [Int: Int] = [:]
        var wakeAt: MonotonicInstant?
        var regionWakeAt: MonotonicInstant?
    }

    private static let regions = ["eu", "us"]

    var now = MonotonicInstant(nanoseconds: 0)
    private(set) var figures = Figures()
    private let script: Script
    private var nodes: [Node] = []
    private var targets: [HealthTarget] = []
    private var broken: Set<TargetID> = []
    private var disabled: Set<TargetID> = []
    var events = EventQueue<Event>()
    private var generator: SeededGenerator
    private var nextPort: UInt16 = 1_000
    private var lastShare = 1_000
    private var direction = 0
    var isQuiet = false

    init(_ script: Script, seed: UInt64) {
        self.script = script
        self.generator = SeededGenerator(seed: seed)
        for region in Self.regions {
            for _ in 0..<script.targetsPerRegion { self.targets.append(self.fresh(region)) }
        }
        for number in 0..<script.nodes {
            let peer = HealthPeer(
                id: NodeID(high: 1, low: UInt64(number)),
                region: Self.regions[number % Self.regions.count]
            )
            self.nodes.append(
                Node(peer: peer, health: HealthMachine(node: peer, timing: HealthTiming()))
            )
        }
        let peers = self.nodes.map(\.peer)
        for number in self.nodes.indices {
            self.take(self.nodes[number].health.setPeers(peers, at: self.now), number)
        }
        self.configure()
        self.events.push(.traffic, at: self.now)
        self.schedule(.fault, script.faultsEvery)
        self.schedule(.change, script.changesEvery)
    }

    /// Mends everything and lets nothing go wrong any more.
    mutating func calm() {
        self.isQuiet = true
        self.broken = []
        self.disabled = []
        self.direct()
    }

    /// Breaks some targets of a region for good.
    mutating func lose(_ count: Int, of region: String) {
        self.broken.formUnion(self.targets.filter { $0.region == region }.prefix(count).map(\.id))
    }

    /// Whether every node uses every target in full and prefers its own region.
    var isNormal: Bool {
        self.nodes.allSatisfy { node in
            let views = node.health.views(at: self.now)
            let regions = node.regions.views(at: self.now)["api"] ?? []
            return views.allSatisfy { $0.factor == 1 } && regions.first?.share == 1_000
        }
    }

    private mutating func schedule(_ event: Event, _ mean: Double) {
        guard mean > 0 else { return }
        let pause = Duration.milliseconds(Int64(self.generator.exponential(mean * 1_000)))
        self.events.push(event, at: self.now.advanced(by: pause))
    }

    private mutating func fresh(_ region: String) -> HealthTarget {
        self.nextPort &+= 1
        return HealthTarget(port: self.nextPort, region: region)
    }

    private mutating func configure() {
        var settings = HealthSettings()
        settings.active.healthyInterval = .seconds(5)
        let upstream = HealthUpstream(settings: settings, targets: self.targets)
        for number in self.nodes.indices {
            let own = self.nodes[number].peer.region
            let order = [own] + Self.regions.filter { $0 != own }
            let regions = RegionMachine.Upstream(
                name: "api",
                regions: order,
                policy: RegionPolicy(),
                targets: self.targets.map {
                    ($0.id, order.firstIndex(of: $0.region) ?? 0, 100)
                }
            )
            self.take(self.nodes[number].regions.configure([regions], at: self.now), number)
            self.take(self.nodes[number].health.configure([upstream], at: self.now), number)
        }
    }

    private mutating func direct() {
        let directives = self.targets.filter { self.disabled.contains($0.id) }
            .map { TargetDirective(.disable, upstream: "api", target: $0.name) }
        for number in self.nodes.indices where number > 0 || !self.script.isFirstDeaf {
            self.take(self.nodes[number].health.setDirectives(directives, at: self.now), number)
        }
    }

    mutating func take(_ event: Event) {
        self.figures.inputs += 1
        switch event {
        case .wake(let number):
            guard self.nodes[number].wakeAt == self.now else { return }
            self.figures.wakes += 1
            self.nodes[number].wakeAt = nil
            self.take(self.nodes[number].health.wake(at: self.now), number)
        case .regionWake(let number):
            guard self.nodes[number].regionWakeAt == self.now else { return }
            self.figures.wakes += 1
            self.nodes[number].regionWakeAt = nil
            self.take(self.nodes[number].regions.wake(at: self.now), number)
        case .result(let number, let result):
            self.take(self.nodes[number].health.finished(result, at: self.now), number)
        case .publish(let number): self.publish(number)
        case .deliver(let report, let newest, let from, let number):
            // What was overtaken is older than what is believed.
            guard newest > self.nodes[number].heard[from] ?? 0 else { return }
            self.nodes[number].heard[from] = newest
            let peer = self.nodes[from].peer.id
            self.take(
                self.nodes[number].health.receive(report, from: peer, at: self.now),
                number
            )
        case .traffic: self.sendTraffic()
        case .fault: self.fault()
        case .change: self.change()
        }
    }

    private mutating func publish(_ number: Int) {
        self.nodes[number].willPublish = false
        self.nodes[number].published += 1
        let newest = self.nodes[number].published
        let report = self.nodes[number].health.report
        for other in self.nodes.indices where other != number {
            // What is lost comes with the next exchange.
            let isLost = self.generator.next(below: 100) < self.script.loss
            let delay = Duration.milliseconds(50 + Int64(self.generator.next(below: 200)))
            self.events.push(
                .deliver(report, number: newest, from: number, to: other),
                at: self.now.advanced(by: isLost ? delay + .seconds(2) : delay)
            )
        }
    }

    /// Every node asks the targets that have a share, ten times each.
    private mutating func sendTraffic() {
        self.events.push(.traffic, at: self.now.advanced(by: .seconds(self.script.pace)))
        for number in self.nodes.indices where self.script.liars == 0 || self.isLiar(number) {
            let own = self.nodes[number].peer.region
            var seen: [TargetObservation] = []
            for target in self.targets {
                let share = self.nodes[number].factors[target.id] ?? 1
                let isOwn = target.region == own
                let shares = self.nodes[number].shares
                let regionShare = shares.isEmpty ? 0 : shares[isOwn ? 0 : 1]
                let isTrial = self.nodes[number].stages[target.id] == .trial
                guard (share > 0 && regionShare > 0) || isTrial else { continue }
                if self.disabled.contains(target.id) { self.breach("a disabled target was asked") }
                var one = TargetObservation(id: target.id)
                if !self.reaches(target, number) {
                    one.connectFailures = 1
                } else {
                    let count: UInt32 = isTrial ? 1 : 10
                    one.statuses = [.init(status: 200, count: count)]
                    one.latencySteps = UInt64(count) * 200
                }
                seen.append(one)
            }
            self.take(self.nodes[number].health.observe(seen, at: self.now), number)
        }
        self.check()
    }

    private func reaches(_ target: HealthTarget, _ number: Int) -> Bool {
        guard !self.broken.contains(target.id) else { return false }
        return !self.isLiar(number) || !self.isBehindLie(target)
    }

    private func isLiar(_ number: Int) -> Bool {
        number % Self.regions.count == 0 && number / Self.regions.count < self.script.liars
    }

    private func isBehindLie(_ target: HealthTarget) -> Bool {
        self.targets.first { $0.region == target.region }?.id == target.id
    }

    /// The least share of its weight that a target gets which one node or several reach in vain, at
    /// the others; `nil` when there is none of them.
    var leastBelieved: Float? {
        self.nodes.indices.filter { !self.isLiar($0) }.flatMap { number in
            self.targets.filter(self.isBehindLie).map { self.nodes[number].factors[$0.id] ?? 1 }
        }.min()
    }

    private mutating func fault() {
        self.schedule(.fault, self.script.faultsEvery)
        guard !self.isQuiet else { return }
        switch self.generator.next(below: 12) {
        case 0:
            let region = Self.regions[self.generator.next(below: 2)]
            self.broken.formUnion(self.targets.filter { $0.region == region }.map(\.id))
        case 1: self.broken = []
        case 2:
            self.disabled = [self.targets[self.generator.next(below: self.targets.count)].id]
            self.direct()
        case 3:
            self.disabled = []
            self.direct()
        default:
            let id = self.targets[self.generator.next(below: self.targets.count)].id
            if self.broken.remove(id) == nil { self.broken.insert(id) }
        }
    }

    private mutating func change() {
        self.schedule(.change, self.script.changesEvery)
        guard !self.isQuiet else { return }
        let place = self.generator.next(below: self.targets.count)
        if self.generator.next(below: 2) == 0 {
            self.broken.remove(self.targets[place].id)
            self.targets[place] = self.fresh(self.targets[place].region)
        }
        self.configure()
    }

    private mutating func take(_ effects: [HealthMachine.Effect], _ number: Int) {
        for effect in effects {
            switch effect {
            case .probe(let request): self.probe(request, number)
            case .factor(let id, let factor):
                self.nodes[number].factors[id] = factor
                self.take(
                    self.nodes[number].regions.setFactor(factor, of: id, at: self.now),
                    number
                )
            case .votesChanged:
                guard !self.nodes[number].willPublish else { continue }
                self.nodes[number].willPublish = true
                self.events.push(.publish(number), at: self.now.advanced(by: .milliseconds(10)))
            case .event(let event): self.note(event, number)
            case .wake(let moment):
                self.nodes[number].wakeAt = moment
                self.events.push(.wake(number), at: moment)
            case .trial, .panic, .closed: continue
            }
        }
    }

    private mutating func take(_ effects: [RegionMachine.Effect], _ number: Int) {
        for effect in effects {
            switch effect {
            case .shares(_, let shares, _):
                self.nodes[number].shares = shares
                if shares.reduce(0, +) != 1_000 { self.breach("shares are \(shares)") }
                if number == 0 { self.follow(Int(shares[0])) }
            case .wake(let moment):
                self.nodes[number].regionWakeAt = moment
                self.events.push(.regionWake(number), at: moment)
            case .moved, .overflow, .returnsChanged: continue
            }
        }
    }

    /// Counts changes of direction of the first region's share.
    private mutating func follow(_ share: Int) {
        let direction = (share - self.lastShare).signum()
        if direction != 0, direction != self.direction {
            self.direction = direction
            self.figures.turns += 1
        }
        self.lastShare = share
    }

    private mutating func probe(_ request: ProbeRequest, _ number: Int) {
        self.figures.probes += 1
        let target = self.targets.first { $0.id == request.id }
        let isBroken = target.map { !self.reaches($0, number) } ?? true
        let result = ProbeResult(
            id: request.id,
            sequence: request.sequence,
            outcome: isBroken ? .connectFailed : .connected,
            latency: .milliseconds(1)
        )
        self.events.push(.result(number, result), at: self.now.advanced(by: .milliseconds(2)))
    }

    private mutating func note(_ event: HealthEvent, _ number: Int) {
        self.figures.events += 1
        self.nodes[number].stages[event.target.id] = event.stage
        let wasOut = [.suspect, .down, .trial].contains(event.before)
        if wasOut, event.stage == .up { self.breach("up without a ramp") }
    }

    /// What must hold at every moment.
    private mutating func check() {
        for node in self.nodes where node.shares.count == 2 {
            let own = node.peer.region
            for (place, share) in node.shares.enumerated() {
                let isOwn = place == 0
                let inside = self.targets.filter { ($0.region == own) == isOwn }
                let isUsable = inside.contains { node.factors[$0.id] ?? 1 > 0 }
                let isOtherUsable = self.targets.contains {
                    ($0.region == own) != isOwn && node.factors[$0.id] ?? 1 > 0
                }
                if share > 0, !isUsable, isOtherUsable { self.breach("a dead region has a share") }
            }
        }
    }

    private mutating func breach(_ text: String) {
        guard self.figures.breaches.count < 20 else { return }
        self.figures.breaches.append("\(text) at \(self.now.nanoseconds / 1_000_000) ms")
    }
}
