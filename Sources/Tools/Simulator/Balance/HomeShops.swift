import MeshBalancing
import MeshPrimitives

/// Workers of some nodes, all at home in the first of two regions of four targets, by our defaults: no
/// limits, no line.
///
/// Each finds by itself what home bears and sends the rest to the other region; see ``Shop`` for what a
/// target is.
struct HomeShops {
    private enum Event {
        case arrival
        case done(worker: Int, target: Int, sentAt: Int64)
    }

    /// What happened in one second.
    struct Second {
        var requests = 0
        var sentAway = 0
        /// The share of the requests that went away.
        var share: Double { Double(self.sentAway) / Double(max(1, self.requests)) }
    }

    private static let mean = 0.01
    private static let places = 8
    private static let targets = 4
    /// Requests a second that one region can do while it is well.
    static var capacity: Double { Double(Self.targets * Self.places) / Self.mean }

    /// How many times as long the work at home takes as usual.
    var slowness = 1.0
    /// Seconds that each answer of home takes besides work, such as one that waits for a database.
    var delay = 0.0
    /// Seconds since the last ``forget()``.
    private(set) var seconds: [Second] = []
    /// What answers took since then, in seconds.
    private(set) var latencies: [Double] = []
    private var workers: [Balancer] = []
    /// By target: when each place is free, in nanoseconds.
    private var free: [[Int64]]
    private var events = EventQueue<Event>()
    private var generator: SeededGenerator
    private var now: Int64 = 0
    private var hasBegun = false

    /// - Parameters:
    ///   - workers: of all nodes together.
    ///   - isOpen: whether the other region takes what home does not bear.
    ///   - seed: what chance does.
    init(workers: Int, isOpen: Bool = true, seed: UInt64) {
        self.generator = SeededGenerator(seed: seed)
        let count = 2 * Self.targets
        self.free = Array(repeating: Array(repeating: 0, count: Self.places), count: count)
        let targets = (0..<count).map { index in
            BalancerTarget(
                id: TargetID(rawValue: SeededGenerator.mix(UInt64(index) + 1)),
                weight: 100,
                group: index / Self.targets
            )
        }
        guard let plan = BalancerPlan(algorithm: .roundRobin, targets: targets) else { return }
        for number in 0..<workers {
            let balancer = Balancer(plan, seed: seed &+ UInt64(number) &* 77)
            balancer.setShares([1_000, 0], open: isOpen ? [0, 1] : [])
            self.workers.append(balancer)
        }
    }

    /// Forgets what was measured.
    mutating func forget() { (self.seconds, self.latencies) = ([], []) }

    /// The latency that so many of a thousand requests stay below, in milliseconds.
    func percentile(_ thousandths: Int) -> Double {
        let sorted = self.latencies.sorted()
        guard !sorted.isEmpty else { return 0 }
        return sorted[min(sorted.count - 1, sorted.count * thousandths / 1_000)] * 1_000
    }

    /// The share of all requests that went away.
    var share: Double {
        let sum = self.seconds.reduce((0, 0)) { ($0.0 + $1.sentAway, $0.1 + $1.requests) }
        return Double(sum.0) / Double(max(1, sum.1))
    }

    /// Lets requests come for so many seconds at a share of what home can do while it is well.
    mutating func run(load: Double, seconds: Int) {
        for _ in 0..<seconds { self.runSecond(Self.capacity * load) }
    }

    private mutating func runSecond(_ rate: Double) {
        if !self.hasBegun {
            self.hasBegun = true
            self.events.push(.arrival, at: MonotonicInstant(nanoseconds: self.now))
        }
        self.seconds.append(Second())
        let end = self.now + 1_000_000_000
        while let (at, event) = self.events.pop(until: MonotonicInstant(nanoseconds: end)) {
            self.now = at.nanoseconds
            switch event {
            case .arrival:
                self.arrive()
                let pause = Duration.nanoseconds(Int64(self.generator.exponential(1e9 / rate)))
                self.events.push(.arrival, at: at.advanced(by: pause))
            case .done(let worker, let target, let sentAt): self.answered(worker, target, sentAt)
            }
        }
        self.now = end
    }

    private mutating func arrive() {
        let worker = self.generator.next(below: self.workers.count)
        let target = self.workers[worker].pick(hash: 0, tried: TriedTargets())
        guard target >= 0 else { return }
        self.workers[worker].began(target)
        self.workers[worker].awaits(1, at: target)
        let isAway = target >= Self.targets
        self.seconds[self.seconds.count - 1].requests += 1
        if isAway { self.seconds[self.seconds.count - 1].sentAway += 1 }
        let place =
            self.free[target].indices.min { self.free[target][$0] < self.free[target][$1] } ?? 0
        let start = max(self.now, self.free[target][place])
        let mean = isAway ? Self.mean : Self.mean * self.slowness
        let done = start + Int64(self.generator.exponential(mean) * 1e9)
        self.free[target][place] = done
        let extra = isAway ? 0 : Int64(self.delay * 1e9)
        self.events.push(
            .done(worker: worker, target: target, sentAt: self.now),
            at: MonotonicInstant(nanoseconds: done + extra)
        )
    }

    private mutating func answered(_ worker: Int, _ target: Int, _ sentAt: Int64) {
        self.latencies.append(Double(self.now - sentAt) / 1e9)
        self.workers[worker].answered(
            microseconds: (self.now - sentAt) / 1_000,
            at: target,
            now: self.now / 1_000_000
        )
        self.workers[worker].awaits(-1, at: target)
        self.workers[worker].ended(target)
    }
}

/// What goes to another region by default: what home does not bear, and nothing else.
enum HomeCases {
    /// Three nodes of two workers, and five of four.
    static func run(seed: UInt64, plant: BalanceMistake? = nil) -> [BalanceFinding] {
        [6, 20].flatMap { workers in
            [
                Self.steady(workers, seed), Self.overload(workers, seed, plant),
                Self.delayed(workers, seed), Self.slow(workers, seed),
            ]
        } + [Self.day(seed)]
    }

    private static func percent(_ share: Double) -> String { BalanceCases.text(share * 100) }

    /// 80 % for a minute, after ten seconds in which they learn what is usual.
    private static func steady(_ workers: Int, _ seed: UInt64) -> BalanceFinding {
        var shops = HomeShops(workers: workers, seed: seed)
        shops.run(load: 0.8, seconds: 10)
        shops.forget()
        shops.run(load: 0.8, seconds: 60)
        let p99 = shops.percentile(990)
        return BalanceFinding(
            name: "spill 80 %",
            text: "\(workers) workers at 80 % of home: \(Self.percent(shops.share)) % go away "
                + "(at most 0.5), p99 \(BalanceCases.text(p99)) ms",
            isKept: shops.share <= 0.005
        )
    }

    /// 60 %, then 120 % for two minutes, then 60 %.
    static func overload(
        _ workers: Int,
        _ seed: UInt64,
        _ plant: BalanceMistake?
    ) -> BalanceFinding {
        var shops = HomeShops(workers: workers, isOpen: plant != .closedDoors, seed: seed)
        shops.run(load: 0.6, seconds: 10)
        shops.run(load: 1.2, seconds: 10)
        shops.forget()
        shops.run(load: 1.2, seconds: 120)
        let (share, median, p99) = (shops.share, shops.percentile(500), shops.percentile(990))
        let shares = (0..<12).map { part in
            shops.seconds[(part * 10)..<(part * 10 + 10)].reduce(0) { $0 + $1.share } / 10
        }
        let (least, most) = (shares.min() ?? 0, shares.max() ?? 0)
        shops.run(load: 0.6, seconds: 15)
        shops.forget()
        shops.run(load: 0.6, seconds: 30)
        return BalanceFinding(
            name: "spill 120 %",
            text: "\(workers) workers at 120 %, of which 16.7 are too many: "
                + "\(Self.percent(share)) % go away (10 to 30), in ten seconds "
                + "\(Self.percent(least)) to \(Self.percent(most)), p50 "
                + "\(BalanceCases.text(median)) ms (at most 20), p99 \(BalanceCases.text(p99)) ms "
                + "(at most 80); 15 s after it ends \(Self.percent(shops.share)) % (at most 0.5)",
            isKept: (0.1...0.3).contains(share) && most - least <= 0.15 && median <= 20
                && p99 <= 80 && shops.share <= 0.005
        )
    }

    /// Answers take 30 ms longer for another reason than load, and then no more.
    private static func delayed(_ workers: Int, _ seed: UInt64) -> BalanceFinding {
        var shops = HomeShops(workers: workers, seed: seed)
        shops.run(load: 0.6, seconds: 20)
        shops.delay = 0.03
        shops.forget()
        shops.run(load: 0.6, seconds: 30)
        let first = shops.share
        shops.forget()
        shops.run(load: 0.6, seconds: 60)
        let later = shops.share
        shops.delay = 0
        shops.run(load: 0.6, seconds: 20)
        shops.forget()
        shops.run(load: 1.2, seconds: 30)
        let again = shops.share
        return BalanceFinding(
            name: "spill slow",
            text: "\(workers) workers at 60 %, answers take 30 ms longer, not by load: "
                + "\(Self.percent(first)) % go away in 30 s, \(Self.percent(later)) % in the minute "
                + "after (at most 2); well again, 120 % sends \(Self.percent(again)) % away "
                + "(10 to 30)",
            isKept: later <= 0.02 && (0.1...0.3).contains(again)
        )
    }

    /// Work takes three times as long: home bears a third of what it did, half of what comes.
    private static func slow(_ workers: Int, _ seed: UInt64) -> BalanceFinding {
        var shops = HomeShops(workers: workers, seed: seed)
        shops.run(load: 0.6, seconds: 20)
        shops.slowness = 3
        shops.run(load: 0.6, seconds: 60)
        shops.forget()
        shops.run(load: 0.6, seconds: 60)
        let (share, p99) = (shops.share, shops.percentile(990))
        shops.slowness = 1
        shops.run(load: 0.6, seconds: 30)
        shops.forget()
        shops.run(load: 0.6, seconds: 30)
        return BalanceFinding(
            name: "spill third",
            text: "\(workers) workers at 60 %, work takes three times as long, 44 % are too many: "
                + "\(Self.percent(share)) % go away (40 to 70), p99 \(BalanceCases.text(p99)) ms "
                + "(at most 400); 30 s after it is well \(Self.percent(shops.share)) % (at most 1)",
            isKept: (0.4...0.7).contains(share) && p99 <= 400 && shops.share <= 0.01
        )
    }

    /// Two days of 24 minutes: from 30 % in the night to 125 % at noon.
    private static func day(_ seed: UInt64) -> BalanceFinding {
        var shops = HomeShops(workers: 6, seed: seed)
        var (calm, days) = (0.0, [0.0, 0.0])
        var calmSeconds = 0
        for second in 0..<2_880 {
            let hour = Double(second % 1_440) / 60
            // A parabola is near enough to a day.
            let load = max(0.3, 1.25 - (hour - 12) * (hour - 12) / 60)
            shops.forget()
            shops.run(load: load, seconds: 1)
            let away = Double(shops.seconds[0].sentAway)
            days[second / 1_440] += away
            // A minute after it no longer is too much.
            if load < 0.8 {
                calmSeconds += 1
                calm += away
            }
        }
        let perSecond = calm / Double(max(1, calmSeconds))
        return BalanceFinding(
            name: "spill day",
            text: "two days of 24 minutes each, 30 to 125 %: \(Int(days[0])) and "
                + "\(Int(days[1])) go away (they differ by 30 % at most), \(BalanceCases.text(perSecond)) a second while "
                + "less than 80 % come (at most 10)",
            isKept: perSecond <= 10 && abs(days[0] - days[1]) <= 0.3 * days[0]
        )
    }
}
