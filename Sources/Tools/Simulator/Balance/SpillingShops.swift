import MeshBalancing
import MeshPrimitives

/// Two regions with two gateways and four targets each, limits found by measuring and a line before
/// them: what one region has no room for goes to the other; see ``Shop`` for what a target is.
struct SpillingShops {
    private enum Event {
        case arrival(region: Int)
        case answer(gateway: Int, target: Int, sentAt: Int64, request: Int32)
        case look
    }

    private struct Request {
        let at: Int64
        let region: Int
    }

    private struct Gateway {
        let balancer: Balancer
        var limits: [AdaptiveLimit]
        var line = WaitingLine(WaitingLine.Limits(capacity: 1_000, patience: 50))
    }

    /// What happened since the last ``forget()``, of one region's own requests.
    struct Figures {
        var requests = 0
        var shed = 0
        /// Those that the other region was given.
        var sentAway = 0
        /// Of those that were answered, in seconds.
        var latencies: [Double] = []

        /// The latency that so many of a thousand stay below, in milliseconds.
        func percentile(_ thousandths: Int) -> Double {
            let sorted = self.latencies.sorted()
            guard !sorted.isEmpty else { return 0 }
            return sorted[min(sorted.count - 1, sorted.count * thousandths / 1_000)] * 1_000
        }
    }

    private static let mean = 0.01
    private static let workers = 8
    private static let targets = 4
    private static let perRegion = 2
    /// Requests a second that one region's targets can do.
    static var capacity: Double { Double(Self.targets * Self.workers) / Self.mean }

    /// By region.
    private(set) var figures = [Figures(), Figures()]
    private let isUnlimited: Bool
    private var gateways: [Gateway] = []
    private var requests: [Request] = []
    private var free: [[Int64]]
    private var events = EventQueue<Event>()
    private var generator: SeededGenerator
    /// Of each region's capacity.
    private let loads: [Double]

    /// - Parameters:
    ///   - loads: what comes in each region, over its capacity.
    ///   - isUnlimited: whether the other region's targets may have any number of requests.
    ///   - seed: what chance does.
    init(loads: [Double], isUnlimited: Bool, seed: UInt64) {
        self.loads = loads
        self.isUnlimited = isUnlimited
        self.generator = SeededGenerator(seed: seed)
        self.free = Array(
            repeating: Array(repeating: 0, count: Self.workers),
            count: 2 * Self.targets
        )
        for number in 0..<(2 * Self.perRegion) {
            let region = number / Self.perRegion
            let targets = (0..<(2 * Self.targets)).map { index in
                BalancerTarget(
                    id: TargetID(rawValue: SeededGenerator.mix(UInt64(index) + 1)),
                    weight: 100,
                    group: index / Self.targets == region ? 0 : 1
                )
            }
            guard let plan = BalancerPlan(algorithm: .roundRobin, targets: targets) else { return }
            let balancer = Balancer(plan, seed: seed &+ UInt64(number))
            balancer.setShares([1_000, 0], open: [0, 1])
            let limits = targets.map { _ in AdaptiveLimit(maximum: 1_000) }
            self.gateways.append(Gateway(balancer: balancer, limits: limits))
            for index in targets.indices { self.limit(number, index) }
        }
        for region in 0..<2 { self.events.push(.arrival(region: region), at: Self.begin) }
        self.events.push(.look, at: Self.begin)
    }

    private static let begin = MonotonicInstant(nanoseconds: 0)

    /// Forgets what was measured.
    mutating func forget() { self.figures = [Figures(), Figures()] }

    /// Lets requests come until a moment in seconds.
    mutating func run(until end: Double) {
        let limit = MonotonicInstant(nanoseconds: Int64(end * 1e9))
        while let (at, event) = self.events.pop(until: limit) {
            let now = at.nanoseconds
            switch event {
            case .arrival(let region):
                self.arrive(region, at: now)
                let mean = 1e9 / (Self.capacity * self.loads[region])
                let pause = Duration.nanoseconds(Int64(self.generator.exponential(mean)))
                self.events.push(event, at: at.advanced(by: pause))
            case .answer(let gateway, let target, let sentAt, let request):
                self.answered(gateway, target, sentAt, request, at: now)
            case .look:
                for gateway in self.gateways.indices { self.serve(gateway, at: now) }
                self.events.push(.look, at: at.advanced(by: .milliseconds(1)))
            }
        }
    }

    private func limit(_ gateway: Int, _ target: Int) {
        let isAway = target / Self.targets != gateway / Self.perRegion
        let limit = self.gateways[gateway].limits[target].limit
        self.gateways[gateway].balancer.setLimit(
            isAway && self.isUnlimited ? 1_000_000 : limit,
            at: target
        )
    }

    private mutating func arrive(_ region: Int, at now: Int64) {
        let ticket = Int32(truncatingIfNeeded: self.requests.count)
        self.requests.append(Request(at: now, region: region))
        self.figures[region].requests += 1
        let gateway = region * Self.perRegion + self.generator.next(below: Self.perRegion)
        if self.gateways[gateway].line.isEmpty, self.send(ticket, by: gateway, at: now) { return }
        let entry = self.gateways[gateway].line.enter(
            ticket,
            urgency: 3,
            deadline: 0,
            at: now / 1_000_000
        )
        switch entry {
        case .waits: break
        case .displaces, .refused: self.figures[region].shed += 1
        }
    }

    private mutating func send(_ ticket: Int32, by gateway: Int, at now: Int64) -> Bool {
        let target = self.gateways[gateway].balancer.pick(hash: 0, tried: TriedTargets())
        guard target >= 0 else { return false }
        self.gateways[gateway].balancer.began(target)
        let region = gateway / Self.perRegion
        if target / Self.targets != region { self.figures[region].sentAway += 1 }
        let worker =
            self.free[target].indices.min { self.free[target][$0] < self.free[target][$1] } ?? 0
        let start = max(now, self.free[target][worker])
        let done = start + Int64(self.generator.exponential(Self.mean) * 1e9)
        self.free[target][worker] = done
        self.events.push(
            .answer(gateway: gateway, target: target, sentAt: now, request: ticket),
            at: MonotonicInstant(nanoseconds: done)
        )
        return true
    }

    private mutating func answered(
        _ gateway: Int,
        _ target: Int,
        _ sentAt: Int64,
        _ ticket: Int32,
        at now: Int64
    ) {
        let hasChanged = self.gateways[gateway].limits[target].take(
            microseconds: (now - sentAt) / 1_000,
            inFlight: self.gateways[gateway].balancer.inFlight(at: target),
            at: now / 1_000_000
        )
        self.gateways[gateway].balancer.ended(target)
        if hasChanged { self.limit(gateway, target) }
        let request = self.requests[Int(ticket)]
        self.figures[request.region].latencies.append(Double(now - request.at) / 1e9)
        self.gateways[gateway].line.countEnd(
            after: (now - sentAt) / 1_000_000,
            at: now / 1_000_000
        )
        self.serve(gateway, at: now)
    }

    private mutating func serve(_ gateway: Int, at now: Int64) {
        let milliseconds = now / 1_000_000
        while let (ticket, _) = self.gateways[gateway].line.expired(at: milliseconds) {
            self.gateways[gateway].line.leave(ticket)
            self.figures[gateway / Self.perRegion].shed += 1
        }
        while case let ticket = self.gateways[gateway].line.next(at: milliseconds), ticket >= 0,
            self.send(ticket, by: gateway, at: now)
        {
            self.gateways[gateway].line.leave(ticket)
        }
    }
}

/// A region that has more than it can do, beside one that has room for a part of it.
enum SpillCases {
    static func run(seed: UInt64, plant: BalanceMistake? = nil) -> [BalanceFinding] {
        [1.2, 2].map { Self.finding(load: $0, plant == .openDoors, seed: seed) }
    }

    private static func finding(
        load: Double,
        _ isUnlimited: Bool,
        seed: UInt64
    ) -> BalanceFinding {
        let own = 0.6
        var shops = SpillingShops(loads: [load, own], isUnlimited: isUnlimited, seed: seed)
        shops.run(until: 8)
        shops.forget()
        shops.run(until: 20)
        let (full, other) = (shops.figures[0], shops.figures[1])
        let inflow = Double(full.sentAway) / 12 / SpillingShops.capacity
        let p99 = other.percentile(990)
        let shed = Double(other.shed) * 100 / Double(max(1, other.requests))
        return BalanceFinding(
            name: "B-I8",
            text: "a region at \(Int(load * 100)) % beside one at 60 %: it sends away "
                + "\(Int(inflow * 100)) % of a region's capacity (at most 44), whose own requests "
                + "have p99 \(BalanceCases.text(p99)) ms, \(BalanceCases.text(shed)) % shed",
            isKept: inflow <= 1.1 * (1 - own)
        )
    }
}
