import MeshDissemination
import MeshHealth
import MeshObservations
import MeshPrimitives
import MeshWire

/// Nodes that judge targets by requests and checks, and tell each other what they find in the real
/// encoding, over a network that loses a part; every byte is counted.
struct GossipFleet: TimedRun {
    /// Who is there.
    struct Script {
        var nodes = 6
        var regions = ["eu", "us"]
        /// In each region.
        var targets = 100
        /// Requests a second that each node sends to the targets of its region.
        var rate = 300.0
        /// Per cent of datagrams that are lost.
        var loss = 10
        var configuration = ObservationConfiguration()
    }

    /// How a target behaves.
    enum Conduct {
        case well
        case refusing
        /// Three of ten answers are a 500.
        case failing
    }

    enum Event {
        case tableWake(Int, number: Int)
        case healthWake(Int)
        case message(ClusterMessage, from: Int, to: Int)
        case traffic(Int)
        case observed(Int, [TargetObservation])
        case result(Int, ProbeResult)
        case publish(Int)
    }

    private struct Node {
        let peer: Peer
        var table: ObservationTable
        var health: HealthMachine
        /// By target.
        var factors: [Float]
        var offers: [Int: MonotonicInstant] = [:]
        var wakes = 0
        var healthWake: MonotonicInstant?
        var willPublish = false
        var bytes = 0
    }

    /// Bytes that a seal, an envelope, UDP and IP add to a datagram.
    private static let envelope = 100

    var now = MonotonicInstant(nanoseconds: 0)
    /// Bytes that each node has sent since the last ``forget()``.
    var sent: [Int] { self.nodes.map(\.bytes) }
    /// When a target first failed a request since the last ``set(_:_:)``.
    private(set) var failedAt: [Int: MonotonicInstant] = [:]
    private let script: Script
    private var nodes: [Node] = []
    private var places: [NodeID: Int] = [:]
    private(set) var targets: [HealthTarget] = []
    private var numbers: [TargetID: Int] = [:]
    private var conduct: [Conduct]
    var events = EventQueue<Event>()
    private var generator: SeededGenerator

    init(_ script: Script, seed: UInt64) {
        self.script = script
        self.generator = SeededGenerator(seed: seed)
        self.conduct = Array(repeating: .well, count: script.targets * script.regions.count)
        for (number, region) in script.regions.enumerated() {
            for index in 0..<script.targets {
                self.add(region, port: UInt16(1_000 + number * script.targets + index))
            }
        }
        for number in 0..<script.nodes { self.addNode(number) }
        let peers = self.nodes.map(\.peer)
        let healthPeers = peers.map { HealthPeer(id: $0.id, region: $0.region) }
        var settings = HealthSettings()
        settings.active.healthyInterval = .seconds(5)
        let upstream = HealthUpstream(settings: settings, targets: self.targets)
        for number in self.nodes.indices {
            self.step(number) { table, now in table.setPeers(peers, at: now) }
            self.take(self.nodes[number].health.setPeers(healthPeers, at: self.now), number)
            self.take(self.nodes[number].health.configure([upstream], at: self.now), number)
            self.events.push(.traffic(number), at: self.now)
        }
    }

    private mutating func add(_ region: String, port: UInt16) {
        let target = HealthTarget(port: port, region: region)
        self.numbers[target.id] = self.targets.count
        self.targets.append(target)
    }

    private mutating func addNode(_ number: Int) {
        let regions = self.script.regions
        let peer = Peer(
            id: NodeID(high: 7, low: UInt64(number)),
            region: regions[number % regions.count]
        )
        let table = ObservationTable(
            configuration: self.script.configuration,
            node: peer.id,
            region: peer.region,
            boot: 1,
            generator: self.generator.split(),
            at: self.now
        )
        let health = HealthMachine(
            node: HealthPeer(id: peer.id, region: peer.region),
            timing: HealthTiming()
        )
        self.places[peer.id] = number
        let factors = Array(repeating: Float(1), count: self.targets.count)
        self.nodes.append(Node(peer: peer, table: table, health: health, factors: factors))
    }

    /// Counts from zero.
    mutating func forget() {
        for number in self.nodes.indices { self.nodes[number].bytes = 0 }
    }

    /// Lets a target behave otherwise.
    mutating func set(_ target: Int, _ conduct: Conduct) {
        self.conduct[target] = conduct
        self.failedAt[target] = nil
    }

    /// How a target behaves.
    func isBroken(_ target: Int) -> Bool {
        if case .well = self.conduct[target] { false } else { true }
    }

    /// Whether every node of the target's region gives it nothing.
    func isAvoided(_ target: Int) -> Bool {
        let region = self.targets[target].region
        return self.nodes.allSatisfy { $0.peer.region != region || $0.factors[target] <= 0 }
    }

    mutating func take(_ event: Event) {
        switch event {
        case .tableWake(let node, let number):
            guard self.nodes[node].wakes == number else { return }
            self.step(node) { table, now in table.wake(at: now) }
        case .healthWake(let node):
            guard self.nodes[node].healthWake == self.now else { return }
            self.nodes[node].healthWake = nil
            self.take(self.nodes[node].health.wake(at: self.now), node)
        case .message(.observations(let message), let from, let to):
            let sender = self.nodes[from].peer.id
            self.step(to) { table, now in table.receive(message, from: sender, at: now) }
        case .message: return
        case .traffic(let node): self.sendRequests(node)
        case .observed(let node, let seen):
            self.take(self.nodes[node].health.observe(seen, at: self.now), node)
        case .result(let node, let result):
            self.take(self.nodes[node].health.finished(result, at: self.now), node)
        case .publish(let node):
            self.nodes[node].willPublish = false
            let votes = ObserverVotes(self.nodes[node].health.report)
            self.step(node) { table, now in table.setVotes(votes, at: now) }
        }
    }

    private mutating func step(
        _ number: Int,
        _ input: (inout ObservationTable, MonotonicInstant) -> [ObservationTable.Effect]
    ) {
        for effect in input(&self.nodes[number].table, self.now) {
            switch effect {
            case .send(let message, let peer, let path):
                guard let other = self.places[peer] else { continue }
                let message = ClusterMessage.observations(message)
                self.nodes[number].bytes += message.encoded.count + Self.envelope
                let isLost =
                    path == .datagram && self.generator.next(below: 100) < self.script.loss
                guard !isLost else { continue }
                let delay = self.delay(number, other)
                self.events.push(
                    .message(message, from: number, to: other),
                    at: self.now.advanced(by: delay)
                )
            case .changed(let owner, let aspects):
                guard aspects.contains(.votes), owner != self.nodes[number].peer.id else {
                    continue
                }
                let report = HealthReport(self.nodes[number].table.votes(of: owner))
                self.take(
                    self.nodes[number].health.receive(report, from: owner, at: self.now),
                    number
                )
            case .wake(let moment):
                self.nodes[number].wakes += 1
                self.events.push(
                    .tableWake(number, number: self.nodes[number].wakes),
                    at: max(moment, self.now)
                )
            }
        }
    }

    private mutating func take(_ effects: [HealthMachine.Effect], _ number: Int) {
        for effect in effects {
            switch effect {
            case .probe(let request):
                let place = self.numbers[request.id] ?? 0
                var outcome = ProbeResult.Outcome.connected
                if case .refusing = self.conduct[place] { outcome = .connectFailed }
                let result = ProbeResult(
                    id: request.id,
                    sequence: request.sequence,
                    outcome: outcome,
                    latency: .milliseconds(1)
                )
                self.events.push(.result(number, result), at: self.later(milliseconds: 2))
            case .factor(let id, let factor):
                guard let place = self.numbers[id] else { continue }
                self.nodes[number].factors[place] = factor
            case .trial(let offer):
                guard let place = self.numbers[offer.id] else { continue }
                self.nodes[number].offers[place] = offer.until
            case .votesChanged:
                guard !self.nodes[number].willPublish else { continue }
                self.nodes[number].willPublish = true
                self.events.push(.publish(number), at: self.later(milliseconds: 1))
            case .wake(let moment):
                self.nodes[number].healthWake = moment
                self.events.push(.healthWake(number), at: moment)
            case .event, .panic, .closed: continue
            }
        }
    }

    /// Up to ten milliseconds within a region, twenty to eighty from one to another.
    private mutating func delay(_ from: Int, _ to: Int) -> Duration {
        let isNear = self.nodes[from].peer.region == self.nodes[to].peer.region
        let microseconds =
            isNear
            ? 500 + self.generator.next(below: 9_500) : 20_000 + self.generator.next(below: 60_000)
        return .microseconds(Int64(microseconds))
    }

    private func later(milliseconds: Int64) -> MonotonicInstant {
        self.now.advanced(by: .milliseconds(milliseconds))
    }

    /// Some requests of a node at once, which it hears of together.
    private mutating func sendRequests(_ number: Int) {
        let mean = max(0.02, 1 / self.script.rate)
        let pause = Duration.microseconds(Int64(self.generator.exponential(mean * 1e6)))
        self.events.push(.traffic(number), at: self.now.advanced(by: pause))
        var seen: [Int: TargetObservation] = [:]
        for _ in 0..<max(1, Int((self.script.rate * mean).rounded())) {
            guard let target = self.choose(number) else { continue }
            let one = self.request(target)
            seen[target, default: TargetObservation(id: one.id)].add(one)
        }
        let list = seen.sorted { $0.key < $1.key }.map(\.value)
        self.events.push(.observed(number, list), at: self.later(milliseconds: 10))
    }

    private mutating func request(_ target: Int) -> TargetObservation {
        var seen = TargetObservation(id: self.targets[target].id)
        var status: UInt16 = 200
        switch self.conduct[target] {
        case .well: break
        case .refusing: seen.connectFailures = 1
        case .failing: status = self.generator.next(below: 10) < 3 ? 500 : 200
        }
        if status != 200 || seen.connectFailures > 0 {
            self.failedAt[target] = self.failedAt[target] ?? self.now
        }
        guard seen.connectFailures == 0 else { return seen }
        seen.statuses = [.init(status: status, count: 1)]
        seen.latencySteps = LatencyLogarithm.step(microseconds: 10_000)
        return seen
    }

    /// A target that the node tries, or one of its region by weight, or of any other where none is left.
    private mutating func choose(_ number: Int) -> Int? {
        for (target, until) in self.nodes[number].offers.sorted(by: { $0.key < $1.key }) {
            self.nodes[number].offers[target] = nil
            if self.now < until { return target }
        }
        let home = self.script.regions.firstIndex(of: self.nodes[number].peer.region) ?? 0
        for turn in 0..<self.script.regions.count {
            let region = (home + turn) % self.script.regions.count
            for _ in 0..<50 {
                let place =
                    region * self.script.targets
                    + self.generator.next(below: self.script.targets)
                let factor = Double(self.nodes[number].factors[place])
                if self.generator.nextUnit() < factor { return place }
            }
        }
        return nil
    }
}
