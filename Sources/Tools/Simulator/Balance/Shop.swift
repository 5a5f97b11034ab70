import MeshBalancing
import MeshPrimitives

/// Gateways that choose targets for requests which come at random; each target has workers that serve
/// one request after the other.
///
/// Open loop: requests come whatever the answers are, and a latency begins when the request came. No
/// network, no processor time: what is measured is the choice alone.
struct Shop {
    /// How gateways choose.
    enum Rule: String, CaseIterable {
        /// Our `latency`.
        case latency
        /// Our `least-connections`.
        case leastConnections
        /// Our `round-robin`.
        case roundRobin
        /// Our `hcl`: targets report how many requests they have with each answer.
        case hcl
        /// Kong's `latency`: the lowest decayed average, whatever is in flight.
        case kongLatency
    }

    private enum Event {
        case arrival
        case answer(gateway: Int32, target: Int32, begun: Int64)
        case antagonist(Int)
    }

    /// How long an antagonist stays as it is, in seconds on average.
    private static let antagonistSpan = 2.0

    /// Mean service time of each target, in seconds.
    var means: [Double]
    /// By how much others on the same machine slow each target down.
    private var slowdowns: [Double]
    /// Requests that each target has.
    private var held: [Int]
    private let rule: Rule
    private let workers: Int
    private var balancers: [Balancer] = []
    /// By gateway, then by target, as Kong keeps them: decayed averages in seconds, 0 while unknown.
    private var averages: [[Double]]
    /// By target: when each worker is free, in nanoseconds.
    private var free: [[Int64]]
    private var events = EventQueue<Event>()
    private var generator: SeededGenerator
    private var isOpen = false
    /// Latencies since the last ``forget()``, in seconds.
    private(set) var latencies: [Double] = []
    /// Requests since then, by target.
    private(set) var counts: [Int]
    /// The greatest share of one second that one target got, over its fair share.
    private(set) var herding = 0.0
    private var second: (number: Int64, counts: [Int])

    init(means: [Double], gateways: Int, rule: Rule, workers: Int = 8, seed: UInt64) {
        self.means = means
        self.slowdowns = Array(repeating: 1, count: means.count)
        self.held = Array(repeating: 0, count: means.count)
        self.rule = rule
        self.workers = workers
        self.generator = SeededGenerator(seed: seed)
        self.averages = Array(repeating: Array(repeating: 0, count: means.count), count: gateways)
        self.free = Array(repeating: Array(repeating: 0, count: workers), count: means.count)
        self.counts = Array(repeating: 0, count: means.count)
        self.second = (0, Array(repeating: 0, count: means.count))
        let targets = means.indices.map { index in
            BalancerTarget(
                id: TargetID(rawValue: SeededGenerator.mix(UInt64(index) + 1)),
                weight: 100
            )
        }
        let algorithm: BalancingAlgorithm
        switch rule {
        case .latency: algorithm = .latency
        case .leastConnections, .kongLatency: algorithm = .leastConnections
        case .roundRobin: algorithm = .roundRobin
        case .hcl: algorithm = .hcl
        }
        guard let plan = BalancerPlan(algorithm: algorithm, targets: targets) else { return }
        self.balancers = (0..<gateways).map { Balancer(plan, seed: seed &+ UInt64($0) &* 77) }
    }

    /// Puts antagonists on the targets' machines, who come and go: of ten targets six have none, at
    /// about three work takes twice as long, and at one or two four times.
    mutating func addAntagonists() {
        for target in self.means.indices {
            self.events.push(.antagonist(target), at: MonotonicInstant(nanoseconds: 0))
        }
    }

    /// Lets requests come at a rate per second, from `start` to `end` in seconds.
    mutating func run(rate: Double, from start: Double, to end: Double) {
        let limit = MonotonicInstant(nanoseconds: Int64(end * 1e9))
        if !self.isOpen {
            self.isOpen = true
            self.events.push(.arrival, at: MonotonicInstant(nanoseconds: Int64(start * 1e9)))
        }
        while let (at, event) = self.events.pop(until: limit) {
            switch event {
            case .arrival:
                self.arrive(at: at.nanoseconds)
                let pause = self.generator.exponential(1e9 / rate)
                self.events.push(.arrival, at: at.advanced(by: .nanoseconds(Int64(pause))))
            case .answer(let gateway, let target, let begun):
                self.answered(Int(gateway), Int(target), begun, at: at.nanoseconds)
            case .antagonist(let target):
                let draw = self.generator.next(below: 100)
                self.slowdowns[target] = draw < 60 ? 1 : draw < 85 ? 2 : 4
                let pause = self.generator.exponential(Self.antagonistSpan * 1e9)
                self.events.push(event, at: at.advanced(by: .nanoseconds(Int64(pause))))
            }
        }
    }

    /// Forgets what was measured.
    mutating func forget() {
        self.latencies = []
        self.counts = Array(repeating: 0, count: self.means.count)
        self.herding = 0
        self.second = (self.second.number, Array(repeating: 0, count: self.means.count))
    }

    /// The latency that so many of a thousand requests stay below, in milliseconds.
    func percentile(_ thousandths: Int) -> Double {
        let sorted = self.latencies.sorted()
        guard !sorted.isEmpty else { return 0 }
        return sorted[min(sorted.count - 1, sorted.count * thousandths / 1_000)] * 1_000
    }

    /// The share of requests that a target got.
    func share(_ target: Int) -> Double {
        Double(self.counts[target]) / Double(max(1, self.counts.reduce(0, +)))
    }

    private mutating func arrive(at now: Int64) {
        let gateway = self.generator.next(below: self.averages.count)
        let target = self.choose(gateway)
        self.counts[target] += 1
        self.held[target] += 1
        self.count(target, in: now / 1_000_000_000)
        let worker = self.free[target].indices.min { self.free[target][$0] < self.free[target][$1] }
        let start = max(now, self.free[target][worker ?? 0])
        let mean = self.means[target] * self.slowdowns[target]
        let done = start + Int64(self.generator.exponential(mean) * 1e9)
        self.free[target][worker ?? 0] = done
        self.events.push(
            .answer(gateway: Int32(gateway), target: Int32(target), begun: now),
            at: MonotonicInstant(nanoseconds: done)
        )
    }

    private mutating func count(_ target: Int, in second: Int64) {
        if second != self.second.number {
            let sum = self.second.counts.reduce(0, +)
            if sum >= 100 * self.means.count {
                let most = Double(self.second.counts.max() ?? 0)
                self.herding = max(self.herding, most * Double(self.means.count) / Double(sum))
            }
            self.second = (second, Array(repeating: 0, count: self.means.count))
        }
        self.second.counts[target] += 1
    }

    private mutating func choose(_ gateway: Int) -> Int {
        guard self.rule != .kongLatency else {
            let known = self.averages[gateway]
            return known.indices.min { known[$0] < known[$1] } ?? 0
        }
        let target = self.balancers[gateway].pick(hash: 0, tried: TriedTargets())
        self.balancers[gateway].began(target)
        return target
    }

    private mutating func answered(_ gateway: Int, _ target: Int, _ begun: Int64, at now: Int64) {
        let latency = Double(now - begun) / 1e9
        self.latencies.append(latency)
        self.held[target] -= 1
        guard self.rule == .kongLatency else {
            self.balancers[gateway].reported(
                load: self.held[target],
                at: target,
                now: now / 1_000_000
            )
            self.balancers[gateway].ended(target)
            return self.balancers[gateway].measured(
                microseconds: Int64(latency * 1e6),
                isFailure: false,
                at: target,
                now: now / 1_000_000
            )
        }
        let known = self.averages[gateway][target]
        self.averages[gateway][target] = known == 0 ? latency : known + (latency - known) / 16
    }
}

extension SeededGenerator {
    /// A number of an exponential distribution.
    mutating func exponential(_ mean: Double) -> Double {
        let unit = (Double(self.next() >> 11) + 0.5) * 0x1p-53
        return -mean * unit.naturalLogarithm
    }
}

extension Double {
    /// The natural logarithm of a number above 0, to within 0.0001: the exponent, and the series of
    /// (1 + z) / (1 - z) for the significand.
    fileprivate var naturalLogarithm: Double {
        var exponent = Double(self.exponent)
        var significand = self.significand
        if significand > 1.414_213_562_373_095_1 {
            significand *= 0.5
            exponent += 1
        }
        let ratio = (significand - 1) / (significand + 1)
        let square = ratio * ratio
        let series = ratio * (1 + square * (1 / 3.0 + square * (0.2 + square * (1 / 7.0))))
        return exponent * 0.693_147_180_559_945_3 + 2 * series
    }
}
