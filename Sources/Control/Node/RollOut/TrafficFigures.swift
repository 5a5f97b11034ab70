import MeshDataPlane
import MeshPrimitives
import MeshReports

/// What a node has answered in some time.
struct TrafficFigures: Equatable, Sendable {
    var requests: UInt64 = 0
    /// Of these, those with a status of 500 or more.
    var errors: UInt64 = 0
    var latency = LatencyDistribution()

    /// What came on top of an earlier moment; a route that is gone took its counts along.
    func since(_ earlier: TrafficFigures) -> TrafficFigures {
        TrafficFigures(
            requests: self.requests - min(self.requests, earlier.requests),
            errors: self.errors - min(self.errors, earlier.errors),
            latency: self.latency.subtracting(earlier.latency)
        )
    }

    mutating func add(_ other: TrafficFigures) {
        self.requests += other.requests
        self.errors += other.errors
        self.latency.merge(other.latency)
    }
}

extension TrafficFigures {
    /// What the data plane has counted since its start.
    init(_ counters: DataPlaneCounters) {
        for route in counters.routes {
            for count in route.requests {
                self.requests += count.count
                if count.code >= 500 { self.errors += count.count }
            }
            self.latency.merge(route.latency)
        }
    }
}

/// Compares a node's figures since it took a change up with those before.
///
/// Pure: told what was counted, at moments that come at regular intervals.
struct TrafficComparison: Sendable {
    /// How long before the change figures count: 60 s.
    static let memory = Duration.seconds(60)
    /// Requests since the change below which no error rate is judged: 20.
    static let leastRequests = 20
    /// Requests on each side below which no latency is judged: 100.
    static let leastSamples = 100

    private var ticks: [(at: MonotonicInstant, figures: TrafficFigures)] = []
    private var last: TrafficFigures?
    private(set) var before = TrafficFigures()
    private(set) var after = TrafficFigures()
    private var isChanged = false

    /// Takes in what was counted since the start of the process.
    mutating func count(_ total: TrafficFigures, at now: MonotonicInstant) {
        defer { self.last = total }
        guard let last = self.last else { return }
        let figures = total.since(last)
        if self.isChanged {
            self.after.add(figures)
        } else {
            self.ticks.append((now, figures))
            self.ticks.removeAll { $0.at.advanced(by: Self.memory) < now }
        }
    }

    /// From now on figures are those after the change.
    mutating func begin() {
        guard !self.isChanged else { return }
        self.isChanged = true
        self.before = TrafficFigures()
        for tick in self.ticks { self.before.add(tick.figures) }
        self.ticks = []
        self.after = TrafficFigures()
    }

    /// The change is over, or taken back.
    mutating func end() {
        self.isChanged = false
        self.after = TrafficFigures()
    }

    /// What is worse than the limits allow; `nil` when nothing is, or too little was seen.
    func harm(_ limits: RollOutLimits) -> String? {
        guard self.isChanged else { return nil }
        if let limit = limits.errors, self.after.requests >= Self.leastRequests {
            let share = Double(self.after.errors) / Double(self.after.requests)
            if share >= limit, self.after.errors > 0 {
                return
                    "\(Self.percent(share)) of \(self.after.requests) requests failed, the guard "
                    + "is errors<\(Self.percent(limit))"
            }
        }
        if let rise = limits.latencyRise, self.before.latency.count >= Self.leastSamples,
            self.after.latency.count >= Self.leastSamples
        {
            let (old, new) = (self.before.latency.quantile(0.99), self.after.latency.quantile(0.99))
            if Double(new) >= Double(old) * (1 + rise) {
                return "the 99th percentile of the latency is \(Self.milliseconds(new)) ms after "
                    + "\(Self.milliseconds(old)) ms, the guard is p99<+\(Self.percent(rise))"
            }
        }
        return nil
    }

    private static func percent(_ part: Double) -> String { "\((part * 1_000).rounded() / 10) %" }

    private static func milliseconds(_ microseconds: UInt64) -> String {
        "\((Double(microseconds) / 100).rounded() / 10)"
    }
}
