import MeshBalancing
import MeshPrimitives
import Testing

/// Targets with eight workers each and exponential service, requests that come at random, and a
/// gateway's workers that know only what they see themselves.
private struct Shop {
    /// How a worker chooses.
    enum Choice {
        case balancer(Balancer)
        /// Kong's way: the lowest average latency, whatever is in flight.
        case lowest([Double])
    }

    private struct Event {
        let at: Double
        let gateway: Int
        let target: Int
        let begun: Double
    }

    var means: [Double]
    private var gateways: [Choice]
    private var free: [[Double]]
    private var pending: [Event] = []
    private var generator: SeededGenerator
    private(set) var latencies: [Double] = []
    /// Requests by second, then by target.
    private(set) var counts: [[Int]] = []

    init(means: [Double], gateways: Int, isKong: Bool, seed: UInt64) {
        self.means = means
        self.generator = SeededGenerator(seed: seed)
        let targets = means.indices.map {
            BalancerTarget(id: TargetID(rawValue: UInt64($0) << 30), weight: 100)
        }
        self.gateways = (0..<gateways).map { number in
            isKong
                ? .lowest(Array(repeating: 0, count: means.count))
                : .balancer(
                    Balancer(algorithm: .latency, targets: targets, seed: seed + UInt64(number))
                )
        }
        self.free = means.map { _ in Array(repeating: 0, count: 8) }
    }

    private mutating func exponential(_ mean: Double) -> Double {
        // Halving with chance one half gives the same mean; close enough without a logarithm.
        var value = 0.0
        while self.generator.next(below: 2) == 0 { value += mean * 0.693 }
        return value + mean * 0.693 * self.generator.nextUnit()
    }

    /// Sends requests at a rate per second, from `start` to `end` in seconds.
    mutating func run(rate: Double, from start: Double, to end: Double) {
        var now = start
        while now < end {
            now += self.exponential(1 / rate)
            self.settle(until: now)
            let gateway = self.generator.next(below: self.gateways.count)
            let target = self.choose(gateway)
            while self.counts.count <= Int(now) {
                self.counts.append(Array(repeating: 0, count: self.means.count))
            }
            self.counts[Int(now)][target] += 1
            let worker =
                self.free[target].indices.min { self.free[target][$0] < self.free[target][$1] } ?? 0
            let done = max(now, self.free[target][worker]) + self.exponential(self.means[target])
            self.free[target][worker] = done
            self.pending.append(Event(at: done, gateway: gateway, target: target, begun: now))
        }
    }

    mutating func forget() { self.latencies = [] }

    func percentile(_ share: Double) -> Double {
        let sorted = self.latencies.sorted()
        return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    private mutating func settle(until now: Double) {
        let done = self.pending.filter { $0.at <= now }.sorted { $0.at < $1.at }
        self.pending.removeAll { $0.at <= now }
        for event in done {
            let latency = event.at - event.begun
            self.latencies.append(latency)
            switch self.gateways[event.gateway] {
            case .balancer(let balancer):
                balancer.ended(event.target)
                balancer.measured(
                    microseconds: Int64(latency * 1e6),
                    isFailure: false,
                    at: event.target,
                    now: Int64(event.at * 1_000)
                )
            case .lowest(var averages):
                let known = averages[event.target]
                averages[event.target] = known == 0 ? latency : known + (latency - known) / 16
                self.gateways[event.gateway] = .lowest(averages)
            }
        }
    }

    private mutating func choose(_ gateway: Int) -> Int {
        switch self.gateways[gateway] {
        case .balancer(let balancer):
            let target = balancer.pick(hash: 0, tried: TriedTargets())
            balancer.began(target)
            return target
        case .lowest(let known):
            return known.indices.min { known[$0] < known[$1] } ?? 0
        }
    }
}

@Suite("Balancing by latency")
struct LatencyBalancingTests {
    /// The largest share of requests that one target got in any second, over its fair share.
    private func herding(isKong: Bool) -> Double {
        var shop = Shop(
            means: Array(repeating: 0.01, count: 8),
            gateways: 4,
            isKong: isKong,
            seed: 1
        )
        shop.run(rate: 3_800, from: 0, to: 6)
        return shop.counts.dropFirst().dropLast().map { counts in
            Double(counts.max() ?? 0) * Double(counts.count) / Double(counts.reduce(0, +))
        }.max() ?? 0
    }

    @Test("sends no target more than half above its share, unlike choosing the lowest average")
    func herds() {
        let (ours, kong) = (self.herding(isKong: false), self.herding(isKong: true))
        #expect(ours < 1.5, "\(ours)")
        #expect(kong > 2, "the test must be able to fail: \(kong)")
    }

    @Test("gives a target that is 100 ms slower a hundredth of the requests, and takes it back")
    func slowTarget() {
        var shop = Shop(means: [0.01, 0.01, 0.01, 0.01], gateways: 2, isKong: false, seed: 4)
        shop.run(rate: 1_900, from: 0, to: 5)
        shop.means[1] = 0.11
        shop.run(rate: 1_900, from: 5, to: 6)
        shop.forget()
        shop.run(rate: 1_900, from: 6, to: 14)
        let slow = shop.counts[7..<14].reduce(0) { $0 + $1[1] }
        let all = shop.counts[7..<14].reduce(0) { $0 + $1.reduce(0, +) }
        #expect(Double(slow) / Double(all) <= 0.015, "\(slow) of \(all)")
        #expect(shop.percentile(0.98) < 0.08, "\(shop.percentile(0.98)) s")

        shop.means[1] = 0.01
        shop.run(rate: 1_900, from: 14, to: 34)
        let last = shop.counts[30..<33]
        let share =
            Double(last.reduce(0) { $0 + $1[1] }) / Double(last.reduce(0) { $0 + $1.reduce(0, +) })
        #expect(share > 0.15, "\(share) of all requests")
    }

    @Test("serves targets of different speed by what they can do")
    func speeds() {
        var shop = Shop(means: [0.005, 0.005, 0.01, 0.02], gateways: 1, isKong: false, seed: 9)
        shop.run(rate: 2_600, from: 0, to: 2)
        shop.forget()
        shop.run(rate: 2_600, from: 2, to: 8)
        #expect(shop.percentile(0.5) < 0.008, "\(shop.percentile(0.5)) s")
        #expect(shop.percentile(0.99) < 0.08, "\(shop.percentile(0.99)) s")
    }

    /// Sends two requests a second to four equal targets of which the first did badly at second 0, and
    /// gives its requests by second.
    private func requests(
        to index: Int = 0,
        until end: Int,
        seed: UInt64,
        _ begin: (Balancer) -> Void
    ) -> [Int] {
        let balancer = Balancer(
            algorithm: .latency,
            targets: (0..<4).map {
                BalancerTarget(id: TargetID(rawValue: UInt64($0) << 30), weight: 100)
            },
            seed: seed
        )
        begin(balancer)
        var generator = SeededGenerator(seed: seed)
        return (1...end).map { second in
            (0..<2).count { half in
                let target = balancer.pick(hash: 0, tried: TriedTargets())
                balancer.began(target)
                balancer.ended(target)
                balancer.measured(
                    microseconds: 8_000 + Int64(generator.next(below: 4_000)),
                    isFailure: false,
                    at: target,
                    now: Int64(second) * 1_000 + Int64(half) * 500
                )
                return target == index
            }
        }
    }

    private func measured(_ balancer: Balancer, _ milliseconds: [Int64], isFailure: Bool = false) {
        for (index, value) in milliseconds.enumerated() {
            balancer.measured(
                microseconds: value * 1_000,
                isFailure: isFailure && index == 0,
                at: index,
                now: 0
            )
        }
    }

    /// The least share of the requests that any of 50 seeds gives the first target, over its fair one,
    /// from `start` seconds on.
    private func leastShare(from start: Int, to end: Int, _ begin: (Balancer) -> Void) -> Double {
        (UInt64(1)...50).map { seed in
            let got = self.requests(until: end, seed: seed, begin)[start...].reduce(0, +)
            return Double(got) * 4 / Double(2 * (end - start))
        }.min() ?? 0
    }

    @Test(
        "gives a target its share back within seconds of a failure, at two requests a second, too"
    )
    func failure() {
        let least = self.leastShare(from: 8, to: 48) {
            self.measured($0, [1, 10, 10, 10], isFailure: true)
        }
        #expect(least >= 0.4, "\(least) of its fair share")
        let first = self.requests(until: 4, seed: 1) {
            self.measured($0, [1, 10, 10, 10], isFailure: true)
        }
        #expect(first[0] == 0, "right after the failure it gets nothing")
    }

    @Test("gives a target its share whose first answer happened to be slow, at little traffic, too")
    func slowStart() {
        let least = self.leastShare(from: 12, to: 52) { self.measured($0, [200, 10, 10, 10]) }
        #expect(least >= 0.4, "\(least) of its fair share")
    }

    @Test("takes a target that was never measured for one like the others, whatever they take")
    func unmeasured() {
        for usual: Int64 in [2, 100] {
            for seed in UInt64(1)...20 {
                let balancer = Balancer(
                    algorithm: .latency,
                    targets: (0..<4).map {
                        BalancerTarget(id: TargetID(rawValue: UInt64($0) << 30), weight: 100)
                    },
                    seed: seed
                )
                for index in 0..<3 {
                    balancer.measured(
                        microseconds: usual * 1_000,
                        isFailure: false,
                        at: index,
                        now: 0
                    )
                }
                let got = (0..<400).count { _ in
                    balancer.pick(hash: 0, tried: TriedTargets()) == 3
                }
                #expect((60...140).contains(got), "\(got) of 400 at \(usual) ms")
            }
        }
    }
}
