import MeshBalancing
import MeshHealth
import MeshPrimitives

/// Gateways that take turns among targets and judge them by health machines, which tell each other what
/// they find by gossip that is late or lost; see ``Shop`` for what a target is.
///
/// A request that fails is tried once more at another target, and its latency is that of both.
struct JudgedShop {
    /// How gossip travels.
    struct Gossip {
        /// The longest time that a word takes, in milliseconds; half of it the shortest.
        var delay: Int64 = 50
        /// Per cent of words that are lost; the next one comes a second later.
        var loss = 0
        /// Whether there is any.
        var isOn = true
    }

    private enum Event {
        case arrival
        case answer(gateway: Int, target: Int, sentAt: Int64, begun: Int64, isRetry: Bool)
        case report
        case wake(Int)
        case result(Int, ProbeResult)
        case deliver(HealthReport, number: Int, from: Int, to: Int)
    }

    private struct Gateway {
        let peer: HealthPeer
        let balancer: Balancer
        var health: HealthMachine
        /// By target: answers, failures and steps of latency since the last report.
        var seen: [(good: UInt32, bad: UInt32, steps: UInt64)]
        var wakeAt: MonotonicInstant?
        /// How many reports it has published, and the newest that it has heard of each gateway.
        var published = 0
        var heard: [Int: Int] = [:]
    }

    private static let mean = 0.01
    private static let workers = 8
    /// How long a broken target takes to answer that it fails.
    private static let failureNanoseconds: Int64 = 300_000_000

    /// The targets that answer every request by a failure.
    var broken: Set<Int> = []
    /// Latencies since the last ``forget()``, in seconds.
    private(set) var latencies: [Double] = []
    private let gossip: Gossip
    /// Gateways from this one on believe only what they hear.
    private let deafFrom: Int
    private var gateways: [Gateway] = []
    private let targets: [HealthTarget]
    private var free: [[Int64]]
    private var events = EventQueue<Event>()
    private var generator: SeededGenerator
    private let rate: Double

    init(
        gateways count: Int,
        targets targetCount: Int,
        load: Double,
        gossip: Gossip,
        deafFrom: Int,
        seed: UInt64
    ) {
        self.gossip = gossip
        self.deafFrom = deafFrom
        self.generator = SeededGenerator(seed: seed)
        self.rate = Double(targetCount * Self.workers) / Self.mean * load
        self.free = Array(
            repeating: Array(repeating: 0, count: Self.workers),
            count: targetCount
        )
        self.targets = (0..<targetCount).map { HealthTarget(port: UInt16(1_000 + $0)) }
        let plan = BalancerPlan(
            algorithm: .roundRobin,
            targets: self.targets.map { BalancerTarget(id: $0.id, weight: 100) }
        )
        guard let plan else { return }
        for number in 0..<count {
            let peer = HealthPeer(id: NodeID(high: 1, low: UInt64(number)), region: "eu")
            self.gateways.append(
                Gateway(
                    peer: peer,
                    balancer: Balancer(plan, seed: seed &+ UInt64(number)),
                    health: HealthMachine(node: peer, timing: HealthTiming()),
                    seen: Array(repeating: (0, 0, 0), count: targetCount)
                )
            )
        }
        let now = MonotonicInstant(nanoseconds: 0)
        let upstream = HealthUpstream(settings: HealthSettings(), targets: self.targets)
        let peers = gossip.isOn ? self.gateways.map(\.peer) : []
        for number in self.gateways.indices {
            let own = peers.isEmpty ? [self.gateways[number].peer] : peers
            self.take(self.gateways[number].health.setPeers(own, at: now), number, at: now)
            self.take(self.gateways[number].health.configure([upstream], at: now), number, at: now)
        }
        self.events.push(.arrival, at: now)
        self.events.push(.report, at: now)
    }

    /// Lets requests come until a moment in seconds.
    mutating func run(until end: Double) {
        let limit = MonotonicInstant(nanoseconds: Int64(end * 1e9))
        while let (at, event) = self.events.pop(until: limit) { self.take(event, at: at) }
    }

    /// Forgets what was measured.
    mutating func forget() { self.latencies = [] }

    /// The latency that so many of a thousand requests stay below, in milliseconds.
    func percentile(_ thousandths: Int) -> Double {
        let sorted = self.latencies.sorted()
        guard !sorted.isEmpty else { return 0 }
        return sorted[min(sorted.count - 1, sorted.count * thousandths / 1_000)] * 1_000
    }

    private mutating func take(_ event: Event, at now: MonotonicInstant) {
        switch event {
        case .arrival:
            let gateway = self.generator.next(below: self.gateways.count)
            self.send(gateway, tried: TriedTargets(), begun: now.nanoseconds, at: now)
            let pause = Duration.nanoseconds(Int64(self.generator.exponential(1e9 / self.rate)))
            self.events.push(.arrival, at: now.advanced(by: pause))
        case .answer(let gateway, let target, let sentAt, let begun, let isRetry):
            self.answered(gateway, target, sentAt, begun, isRetry, at: now)
        case .report:
            self.events.push(.report, at: now.advanced(by: .milliseconds(50)))
            for gateway in self.gateways.indices where gateway < self.deafFrom {
                self.observe(gateway, at: now)
            }
        case .wake(let gateway):
            guard self.gateways[gateway].wakeAt == now else { return }
            self.gateways[gateway].wakeAt = nil
            self.take(self.gateways[gateway].health.wake(at: now), gateway, at: now)
        case .result(let gateway, let result):
            self.take(self.gateways[gateway].health.finished(result, at: now), gateway, at: now)
        case .deliver(let report, let newest, let from, let to):
            guard newest > self.gateways[to].heard[from] ?? 0 else { return }
            self.gateways[to].heard[from] = newest
            let peer = self.gateways[from].peer.id
            self.take(self.gateways[to].health.receive(report, from: peer, at: now), to, at: now)
        }
    }

    private mutating func send(
        _ gateway: Int,
        tried: TriedTargets,
        begun: Int64,
        at now: MonotonicInstant
    ) {
        let target = self.gateways[gateway].balancer.pick(hash: 0, tried: tried)
        guard target >= 0 else { return }
        var done = now.nanoseconds + Self.failureNanoseconds
        if !self.broken.contains(target) {
            let worker =
                self.free[target].indices.min { self.free[target][$0] < self.free[target][$1] } ?? 0
            let start = max(now.nanoseconds, self.free[target][worker])
            done = start + Int64(self.generator.exponential(Self.mean) * 1e9)
            self.free[target][worker] = done
        }
        self.events.push(
            .answer(
                gateway: gateway,
                target: target,
                sentAt: now.nanoseconds,
                begun: begun,
                isRetry: !tried.isEmpty
            ),
            at: MonotonicInstant(nanoseconds: done)
        )
    }

    private mutating func answered(
        _ gateway: Int,
        _ target: Int,
        _ sentAt: Int64,
        _ begun: Int64,
        _ isRetry: Bool,
        at now: MonotonicInstant
    ) {
        let isFailure = self.broken.contains(target)
        if isFailure {
            self.gateways[gateway].seen[target].bad += 1
        } else {
            self.gateways[gateway].seen[target].good += 1
        }
        let microseconds = UInt64(max(1, (now.nanoseconds - sentAt) / 1_000))
        self.gateways[gateway].seen[target].steps += LatencyLogarithm.step(
            microseconds: microseconds
        )
        guard isFailure, !isRetry else {
            return self.latencies.append(Double(now.nanoseconds - begun) / 1e9)
        }
        var tried = TriedTargets()
        tried.insert(target)
        self.send(gateway, tried: tried, begun: begun, at: now)
    }

    private mutating func observe(_ gateway: Int, at now: MonotonicInstant) {
        let seen = self.gateways[gateway].seen.enumerated().filter { $0.element.steps > 0 }.map {
            target,
            seen in
            var one = TargetObservation(id: self.targets[target].id)
            one.statuses = [(200, seen.good), (500, seen.bad)].filter { $0.1 > 0 }.map {
                .init(status: $0.0, count: $0.1)
            }
            one.latencySteps = seen.steps
            return one
        }
        self.gateways[gateway].seen = Array(repeating: (0, 0, 0), count: self.targets.count)
        self.take(self.gateways[gateway].health.observe(seen, at: now), gateway, at: now)
    }

    private mutating func take(
        _ effects: [HealthMachine.Effect],
        _ gateway: Int,
        at now: MonotonicInstant
    ) {
        for effect in effects {
            switch effect {
            case .factor(let id, let factor):
                guard let target = self.targets.firstIndex(where: { $0.id == id }) else { continue }
                self.gateways[gateway].balancer.setFactor(factor, at: target)
            case .probe(let request):
                // Checks succeed: only requests fail.
                let result = ProbeResult(
                    id: request.id,
                    sequence: request.sequence,
                    outcome: .connected,
                    latency: .milliseconds(1)
                )
                self.events.push(.result(gateway, result), at: now.advanced(by: .milliseconds(2)))
            case .votesChanged: self.publish(gateway, at: now)
            case .wake(let moment):
                self.gateways[gateway].wakeAt = moment
                self.events.push(.wake(gateway), at: moment)
            case .event, .trial, .panic, .closed: continue
            }
        }
    }

    private mutating func publish(_ gateway: Int, at now: MonotonicInstant) {
        guard self.gossip.isOn else { return }
        let report = self.gateways[gateway].health.report
        self.gateways[gateway].published += 1
        let newest = self.gateways[gateway].published
        for other in self.gateways.indices where other != gateway {
            let half = self.gossip.delay / 2
            let delay = half + Int64(self.generator.next(below: Int(max(1, half))))
            let isLost = self.generator.next(below: 100) < self.gossip.loss
            let pause = Duration.milliseconds(isLost ? delay + 1_000 : delay)
            self.events.push(
                .deliver(report, number: newest, from: gateway, to: other),
                at: now.advanced(by: pause)
            )
        }
    }
}
