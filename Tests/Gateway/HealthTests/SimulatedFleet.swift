import MeshPrimitives

@testable import MeshHealth

/// Nodes with health machines, targets that fail as they are told, and a network between them; time
/// passes only from event to event.
struct SimulatedFleet {
    /// How a target behaves.
    enum Conduct: Equatable {
        case well
        case refusing
        case frozen
        /// So much of its answers, in percent, is a 500.
        case failing(percent: Int)
        /// It answers after so many milliseconds.
        case slow(milliseconds: Int)
    }

    struct Node {
        let peer: HealthPeer
        var machine: HealthMachine
        var wakeAt: MonotonicInstant?
        var willPublish = false
        var factors: [TargetID: Float] = [:]
        var offers: [TargetID: MonotonicInstant] = [:]
        /// Whether its connections fail, whatever the target does.
        var hasNoNetwork = false
        /// Whether it hears and is heard.
        var isConnected = true
        /// Whether it cannot open sockets of its own.
        var hasNoDescriptors = false
        /// Whether it gets the processor for a moment every three seconds only: what came meanwhile is
        /// late, and looks like a timeout.
        var hasNoProcessor = false
    }

    private enum Event {
        case wake(Int)
        case result(Int, ProbeResult)
        case publish(Int)
        case deliver(HealthReport, from: Int, to: Int)
        case request(Int)
        case observed(Int, TargetObservation)
    }

    private struct Pending {
        let at: MonotonicInstant
        let number: Int
        let event: Event
    }

    var now = MonotonicInstant(nanoseconds: 0)
    var nodes: [Node] = []
    var targets: [HealthTarget] = []
    var conduct: [TargetID: Conduct] = [:]
    var settings = HealthSettings()
    /// Requests per second and node.
    let rate: Double
    private(set) var probes = 0
    private(set) var wakes = 0
    private(set) var inputs = 0
    private(set) var requests: [TargetID: Int] = [:]
    private(set) var trials = 0
    private(set) var events: [(node: Int, event: HealthEvent, at: MonotonicInstant)] = []
    private var generator: SeededGenerator
    private var queue: [Pending] = []
    private var number = 0

    init(seed: UInt64, regions: [String], targets: Int, rate: Double, interval: Duration) {
        self.generator = SeededGenerator(seed: seed)
        self.rate = rate
        self.settings.active.healthyInterval = interval
        self.settings.active.unhealthyInterval = interval
        self.settings.active.check = .http(path: "/health", host: "api", headers: [])
        for (index, region) in regions.enumerated() {
            let id = NodeID(high: 7, low: UInt64(index + 1))
            let peer = HealthPeer(id: id, region: region)
            let offset = Duration.milliseconds(self.generator.next(below: 200))
            let machine = HealthMachine(node: peer, timing: HealthTiming(), fleetOffset: offset)
            self.nodes.append(Node(peer: peer, machine: machine))
        }
        let all = Array(Set(regions)).sorted()
        self.targets = (0..<targets).map { self.target($0, region: all[$0 % all.count]) }
        for node in self.nodes.indices {
            self.apply(
                self.nodes[node].machine.setPeers(self.nodes.map(\.peer), at: self.now),
                node
            )
            if rate > 0 { self.push(.request(node), in: self.pause) }
        }
        self.configure()
    }

    func target(_ index: Int, region: String) -> HealthTarget {
        let endpoint = Endpoint(address: .v4(0x0A00_0000 + UInt32(index)), port: 80)
        let name = "t\(index):80"
        return HealthTarget(
            id: TargetID(upstream: "api", target: name, endpoint: endpoint),
            upstream: "api",
            name: name,
            endpoint: endpoint,
            region: region
        )
    }

    private var pause: Duration {
        mutating get {
            .nanoseconds(Int64(2e9 / max(self.rate, 0.001) * self.generator.nextUnit()) + 1_000)
        }
    }

    /// Hands the configuration to every node again.
    mutating func configure() {
        let upstream = HealthUpstream(settings: self.settings, targets: self.targets)
        for node in self.nodes.indices {
            self.apply(self.nodes[node].machine.configure([upstream], at: self.now), node)
        }
    }

    /// Runs until `moment`.
    mutating func run(until moment: Duration) {
        let end = MonotonicInstant(sinceStart: moment)
        while let next = self.queue.first, next.at <= end {
            self.pop()
            self.now = next.at
            self.take(next.event)
        }
        self.now = end
    }

    /// The targets that a node gives nothing, with those it only tries.
    func excluded(at node: Int) -> Set<TargetID> {
        Set(
            self.nodes[node].machine.views(at: self.now).filter { $0.factor == 0 }.map(\.target.id)
        )
    }

    /// Puts off what a node without processor would do now; `false` when it has its moment.
    private mutating func putOff(_ event: Event) -> Bool {
        let (node, late): (Int, Event)
        switch event {
        case .wake(let place), .publish(let place), .request(let place):
            (node, late) = (place, event)
        case .deliver(_, _, let place): (node, late) = (place, event)
        case .result(let place, let result):
            let timeout = ProbeResult(
                id: result.id,
                sequence: result.sequence,
                outcome: .timedOut,
                latency: result.latency
            )
            (node, late) = (place, .result(place, timeout))
        case .observed(let place, let seen):
            var timeout = TargetObservation(id: seen.id)
            timeout.timeouts = 1
            (node, late) = (place, .observed(place, timeout))
        }
        let past = self.now.nanoseconds % 3_000_000_000
        guard self.nodes[node].hasNoProcessor, past > 20_000_000 else { return false }
        let pause = Duration.nanoseconds(3_000_000_000 - past)
        if case .wake = event {
            guard self.nodes[node].wakeAt == self.now else { return true }
            self.nodes[node].wakeAt = self.now.advanced(by: pause)
        }
        self.push(late, in: pause)
        return true
    }

    private mutating func take(_ event: Event) {
        guard !self.putOff(event) else { return }
        switch event {
        case .wake(let node):
            guard self.nodes[node].wakeAt == self.now else { return }
            self.wakes += 1
            self.nodes[node].wakeAt = nil
            self.apply(self.nodes[node].machine.wake(at: self.now), node)
        case .result(let node, let result):
            self.apply(self.nodes[node].machine.finished(result, at: self.now), node)
        case .publish(let node):
            self.nodes[node].willPublish = false
            self.publish(node)
        case .deliver(let report, let from, let to):
            guard self.nodes[to].isConnected else { return }
            let id = self.nodes[from].peer.id
            self.apply(self.nodes[to].machine.receive(report, from: id, at: self.now), to)
        case .request(let node):
            self.request(node)
            self.push(.request(node), in: self.pause)
        case .observed(let node, let seen):
            self.apply(self.nodes[node].machine.observe([seen], at: self.now), node)
        }
    }

    private mutating func publish(_ node: Int) {
        guard self.nodes[node].isConnected else { return }
        let report = self.nodes[node].machine.report
        for other in self.nodes.indices where other != node {
            let delay = Duration.milliseconds(50 + self.generator.next(below: 200))
            self.push(.deliver(report, from: node, to: other), in: delay)
        }
    }

    private mutating func request(_ node: Int) {
        guard let target = self.choose(node) else { return }
        self.requests[target, default: 0] += 1
        let (seen, delay) = self.outcome(of: target, at: node)
        guard let seen else { return }
        self.push(.observed(node, seen), in: delay)
    }

    /// What an attempt meets; nothing when this node could not even begin it.
    private mutating func outcome(
        of target: TargetID,
        at node: Int
    ) -> (TargetObservation?, Duration) {
        var seen = TargetObservation(id: target)
        var milliseconds = 5 + self.generator.next(below: 10)
        guard !self.nodes[node].hasNoDescriptors else { return (nil, .zero) }
        guard !self.nodes[node].hasNoNetwork else {
            seen.timeouts = 1
            return (seen, .seconds(1))
        }
        switch self.conduct[target] ?? .well {
        case .well: seen.statuses = [.init(status: 200, count: 1)]
        case .refusing:
            seen.connectFailures = 1
            milliseconds = 1
        case .frozen:
            seen.timeouts = 1
            milliseconds = 1_000
        case .failing(let percent):
            let isFailure = self.generator.next(below: 100) < percent
            seen.statuses = [.init(status: isFailure ? 500 : 200, count: 1)]
        case .slow(let extra):
            seen.statuses = [.init(status: 200, count: 1)]
            milliseconds += extra
        }
        seen.latencySteps = LatencyLogarithm.step(microseconds: UInt64(milliseconds) * 1_000)
        return (seen, .milliseconds(milliseconds))
    }

    private mutating func choose(_ node: Int) -> TargetID? {
        let now = self.now
        let offer = self.nodes[node].offers.filter { now < $0.value }.keys.sorted().first
        if let offer {
            self.nodes[node].offers[offer] = nil
            self.trials += 1
            return offer
        }
        let factors = self.targets.map { Double(self.nodes[node].factors[$0.id] ?? 1) }
        var point = factors.reduce(0, +) * self.generator.nextUnit()
        for (target, factor) in zip(self.targets, factors) {
            point -= factor
            if point < 0 { return target.id }
        }
        return self.targets.isEmpty
            ? nil : self.targets[self.generator.next(below: self.targets.count)].id
    }

    private mutating func apply(_ effects: [HealthMachine.Effect], _ node: Int) {
        self.inputs += 1
        for effect in effects {
            switch effect {
            case .probe(let request): self.probe(request, node)
            case .factor(let id, let factor): self.nodes[node].factors[id] = factor
            case .trial(let offer): self.nodes[node].offers[offer.id] = offer.until
            case .votesChanged:
                guard !self.nodes[node].willPublish else { continue }
                self.nodes[node].willPublish = true
                self.push(.publish(node), in: .milliseconds(10))
            case .event(let event): self.events.append((node, event, self.now))
            case .panic, .closed: continue
            case .wake(let moment):
                self.nodes[node].wakeAt = moment
                self.push(.wake(node), in: self.now.duration(to: moment))
            }
        }
        if self.events.count > 20_000 { self.events.removeFirst(10_000) }
    }

    private mutating func probe(_ request: ProbeRequest, _ node: Int) {
        self.probes += 1
        var delay = Duration.milliseconds(2)
        let isConnection = request.check == .tcp
        var outcome: ProbeResult.Outcome = isConnection ? .connected : .status(200)
        if self.nodes[node].hasNoDescriptors {
            outcome = .notCarriedOut
        } else if self.nodes[node].hasNoNetwork
            || (self.conduct[request.id] == .frozen && !isConnection)
        {
            outcome = .timedOut
            delay = request.timeout
        } else if self.conduct[request.id] == .refusing {
            outcome = .connectFailed
        }
        let result = ProbeResult(
            id: request.id,
            sequence: request.sequence,
            outcome: outcome,
            latency: delay
        )
        self.push(.result(node, result), in: delay)
    }

    private mutating func push(_ event: Event, in delay: Duration) {
        self.number += 1
        self.queue.append(
            Pending(at: self.now.advanced(by: delay), number: self.number, event: event)
        )
        var place = self.queue.count - 1
        while place > 0, self.isBefore(place, (place - 1) / 2) {
            self.queue.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    private mutating func pop() {
        self.queue.swapAt(0, self.queue.count - 1)
        self.queue.removeLast()
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2]
            where child < self.queue.count && self.isBefore(child, least) {
                least = child
            }
            guard least != place else { return }
            self.queue.swapAt(place, least)
            place = least
        }
    }

    private func isBefore(_ one: Int, _ other: Int) -> Bool {
        (self.queue[one].at, self.queue[one].number)
            < (self.queue[other].at, self.queue[other].number)
    }
}
