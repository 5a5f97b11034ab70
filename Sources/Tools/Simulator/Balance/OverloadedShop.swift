import MeshBalancing
import MeshPrimitives

/// One gateway with limits found by measuring and a line before them, and four targets that cannot do
/// all that comes; see ``Shop`` for what a target is.
struct OverloadedShop {
    private enum Event {
        case arrival
        case answer(target: Int32, sentAt: Int64, request: Int32)
        case look
    }

    private struct Request {
        let at: Int64
        let isUrgent: Bool
    }

    /// What happened since the last ``forget()``.
    struct Figures {
        var requests = 0
        var shed = 0
        var urgentShed = 0
        /// Of those that were answered, in seconds.
        var latencies: [Double] = []
        /// Nanoseconds: when one was shed last.
        var lastShed: Int64 = 0

        /// The latency that so many of a thousand stay below, in milliseconds.
        func percentile(_ thousandths: Int) -> Double {
            let sorted = self.latencies.sorted()
            guard !sorted.isEmpty else { return 0 }
            return sorted[min(sorted.count - 1, sorted.count * thousandths / 1_000)] * 1_000
        }

        /// The share of the requests that were shed, in per cent.
        var shedPercent: Double { Double(self.shed) * 100 / Double(max(1, self.requests)) }
    }

    private static let mean = 0.01
    private static let workers = 8
    private static let targets = 4

    private(set) var figures = Figures()
    private var balancer: Balancer?
    private var limits = Array(repeating: AdaptiveLimit(maximum: 1_000), count: Self.targets)
    private var line = WaitingLine(WaitingLine.Limits(capacity: 1_000, patience: 50))
    private var requests: [Request] = []
    private var free = Array(
        repeating: Array(repeating: Int64(0), count: Self.workers),
        count: Self.targets
    )
    private var events = EventQueue<Event>()
    private var generator: SeededGenerator
    private var rate = 0.0

    init(seed: UInt64) {
        self.generator = SeededGenerator(seed: seed)
        let targets = (0..<Self.targets).map { index in
            BalancerTarget(
                id: TargetID(rawValue: SeededGenerator.mix(UInt64(index) + 1)),
                weight: 100
            )
        }
        guard let plan = BalancerPlan(algorithm: .roundRobin, targets: targets) else { return }
        let balancer = Balancer(plan, seed: seed)
        for target in 0..<Self.targets {
            balancer.setLimit(self.limits[target].limit, at: target)
        }
        self.balancer = balancer
        self.events.push(.arrival, at: MonotonicInstant(nanoseconds: 0))
        self.events.push(.look, at: MonotonicInstant(nanoseconds: 0))
    }

    /// Requests a second that the targets can do.
    static var capacity: Double { Double(Self.targets * Self.workers) / Self.mean }

    /// Forgets what was measured.
    mutating func forget() { self.figures = Figures() }

    /// Lets requests come at a share of the capacity until a moment in seconds.
    mutating func run(load: Double, until end: Double) {
        self.rate = Self.capacity * load
        let limit = MonotonicInstant(nanoseconds: Int64(end * 1e9))
        while let (at, event) = self.events.pop(until: limit) {
            let now = at.nanoseconds
            switch event {
            case .arrival:
                self.arrive(at: now)
                let pause = self.generator.exponential(1e9 / self.rate)
                self.events.push(.arrival, at: at.advanced(by: .nanoseconds(Int64(pause))))
            case .answer(let target, let sentAt, let request):
                self.answered(Int(target), sentAt, request, at: now)
            case .look:
                self.serve(at: now)
                self.events.push(.look, at: at.advanced(by: .milliseconds(1)))
            }
        }
    }

    private mutating func arrive(at now: Int64) {
        let request = Request(at: now, isUrgent: self.generator.next(below: 10) == 0)
        let ticket = Int32(truncatingIfNeeded: self.requests.count)
        self.requests.append(request)
        self.figures.requests += 1
        if self.line.isEmpty, self.send(ticket, at: now) { return }
        let entry = self.line.enter(
            ticket,
            urgency: request.isUrgent ? 0 : 3,
            deadline: 0,
            at: now / 1_000_000
        )
        switch entry {
        case .waits: break
        case .displaces(let other): self.shed(other, at: now)
        case .refused: self.shed(ticket, at: now)
        }
    }

    private mutating func send(_ ticket: Int32, at now: Int64) -> Bool {
        guard let balancer = self.balancer else { return false }
        let target = balancer.pick(hash: 0, tried: TriedTargets())
        guard target >= 0 else { return false }
        balancer.began(target)
        let worker = self.free[target].indices.min { self.free[target][$0] < self.free[target][$1] }
        let start = max(now, self.free[target][worker ?? 0])
        let done = start + Int64(self.generator.exponential(Self.mean) * 1e9)
        self.free[target][worker ?? 0] = done
        self.events.push(
            .answer(target: Int32(target), sentAt: now, request: ticket),
            at: MonotonicInstant(nanoseconds: done)
        )
        return true
    }

    private mutating func answered(_ target: Int, _ sentAt: Int64, _ ticket: Int32, at now: Int64) {
        let hasChanged = self.limits[target].take(
            microseconds: (now - sentAt) / 1_000,
            inFlight: self.balancer?.inFlight(at: target) ?? 0,
            at: now / 1_000_000
        )
        self.balancer?.ended(target)
        if hasChanged { self.balancer?.setLimit(self.limits[target].limit, at: target) }
        self.figures.latencies.append(Double(now - self.requests[Int(ticket)].at) / 1e9)
        self.line.countEnd(after: (now - sentAt) / 1_000_000, at: now / 1_000_000)
        self.serve(at: now)
    }

    private mutating func serve(at now: Int64) {
        while let (ticket, _) = self.line.expired(at: now / 1_000_000) {
            self.line.leave(ticket)
            self.shed(ticket, at: now)
        }
        while case let ticket = self.line.next(at: now / 1_000_000), ticket >= 0,
            self.send(ticket, at: now)
        {
            self.line.leave(ticket)
        }
    }

    private mutating func shed(_ ticket: Int32, at now: Int64) {
        self.figures.shed += 1
        self.figures.lastShed = now
        if self.requests[Int(ticket)].isUrgent { self.figures.urgentShed += 1 }
    }

    /// The limits of the targets.
    var currentLimits: [Int] { self.limits.map(\.limit) }
}
