public import MeshPrimitives

/// What a region's targets have answered lately, to compare a region that returns with the one that
/// serves: sums that lose half every ten seconds.
struct RegionTraffic: Equatable, Sendable {
    /// How one region does beside another.
    enum Comparison: Sendable {
        case alike
        case worse
        case farWorse
    }

    /// Fewest attempts that are compared: 50.
    private static let least = 50.0

    private(set) var attempts = 0.0
    private var failures = 0.0
    private var steps = 0.0
    private var answers = 0.0
    private var second: Int64 = 0

    mutating func add(_ seen: TargetTraffic, at now: MonotonicInstant) {
        self.decay(to: now)
        self.attempts += Double(seen.attempts)
        self.failures += Double(min(seen.failures, seen.attempts))
        self.answers += Double(seen.answers)
        self.steps += Double(min(seen.latencySteps, UInt64(seen.answers) * 1_023))
    }

    /// Compares error rate and typical latency; alike while either side has seen too little.
    func compared(with serving: RegionTraffic) -> Comparison {
        guard self.attempts >= Self.least, serving.attempts >= Self.least else { return .alike }
        let (own, usual) = (self.failures / self.attempts, serving.failures / serving.attempts)
        if own > 3 * usual + 0.05 { return .farWorse }
        if own > 1.5 * usual + 0.01 { return .worse }
        guard self.answers >= Self.least, serving.answers >= Self.least else { return .alike }
        // A step is a fixed ratio: ``doubling`` of them double a latency.
        let difference = self.steps / self.answers - serving.steps / serving.answers
        let steps = (self.steps / self.answers, serving.steps / serving.answers)
        let added = Self.microseconds(steps.0) - Self.microseconds(steps.1)
        guard added >= Self.leastAdded else { return .alike }
        if difference > 1.585 * Self.doubling { return .farWorse }
        return difference > 0.585 * Self.doubling ? .worse : .alike
    }

    /// What answers must take longer to count as slower, in microseconds: below 50 ms three times as
    /// long is of no account.
    private static let leastAdded = 50_000.0

    /// The latency of a mean of steps, in microseconds, linear between powers of two.
    private static func microseconds(_ steps: Double) -> Double {
        let doublings = min(62, steps / Self.doubling)
        let whole = doublings.rounded(.down)
        return Double(sign: .plus, exponent: Int(whole), significand: 1 + doublings - whole)
    }

    /// Steps of a latency's logarithm that double it: 16.
    static let doubling = 16.0

    private mutating func decay(to now: MonotonicInstant) {
        let second = now.nanoseconds / 1_000_000_000
        let passed = second - self.second
        guard passed > 0 else { return }
        self.second = second
        var factor = 1.0
        for _ in 0..<min(passed, 100) { factor *= 0.933 }
        self.attempts *= factor
        self.failures *= factor
        self.answers *= factor
        self.steps *= factor
    }
}

/// What was seen of one target's traffic since the last time.
public struct TargetTraffic: Equatable, Sendable {
    /// The target.
    public let id: TargetID
    /// Attempts, those included that got no answer.
    public let attempts: UInt32
    /// Attempts that failed by the target's doing.
    public let failures: UInt32
    /// Attempts with a response head.
    public let answers: UInt32
    /// Sum of the logarithms of their latencies, in sixteenths of a doubling.
    public let latencySteps: UInt64
    /// Requests that came there since another region bore no more.
    public let overflows: UInt32

    /// Creates one.
    public init(
        id: TargetID,
        attempts: UInt32,
        failures: UInt32,
        answers: UInt32,
        latencySteps: UInt64,
        overflows: UInt32 = 0
    ) {
        self.id = id
        self.attempts = attempts
        self.failures = failures
        self.answers = answers
        self.latencySteps = latencySteps
        self.overflows = overflows
    }
}
