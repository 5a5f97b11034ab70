import MeshPrimitives

/// What was seen of one target lately: attempts, failures and latencies.
///
/// Sums that lose a twentieth each 250 ms stand for a window of about ten seconds, in constant
/// memory whatever the traffic.
struct TargetEvidence: Equatable, Sendable {
    /// Fewest attempts that a rate is made of: 20.
    static let leastAttempts = 20.0
    /// Fewest answers that a latency is made of: 20.
    static let leastAnswers: UInt32 = 20
    /// Answers that end a window before its second is over: 50, after 200 ms at least.
    private static let manyAnswers: UInt32 = 50
    private static let shortWindow = Duration.milliseconds(200)

    private(set) var attempts = 0.0
    private(set) var failures = 0.0
    private var ticks: Int64 = 0
    /// What was seen since it began to fail, if it did.
    private(set) var onset = FailureOnset()
    /// Since when the failure rate has been beyond bearing.
    private var rateSince: MonotonicInstant?
    private var windowStart: MonotonicInstant?
    private var windowCount: UInt32 = 0
    private var windowSteps: UInt64 = 0
    /// Mean latency of the last whole window, as a ``LatencyLogarithm`` step.
    private(set) var latency: (step: Double, since: MonotonicInstant, at: MonotonicInstant)?
    /// Windows in a row in which it was far slower than its like.
    private(set) var slowWindows = 0
    /// When the first of them began.
    private(set) var slowSince: MonotonicInstant?
    /// When the last window ended in which it was far slower than its like.
    private(set) var slowAt: MonotonicInstant?
    /// Windows in a row in which it was as fast as its like.
    private(set) var fastWindows = 0

    static func == (left: TargetEvidence, right: TargetEvidence) -> Bool {
        left.attempts == right.attempts && left.failures == right.failures
    }

    /// Adds attempts of which some failed; `pool` is what all targets of its kind had counted before.
    mutating func add(
        attempts: UInt32,
        failures: UInt32,
        pool: AttemptCount = AttemptCount(),
        at now: MonotonicInstant
    ) {
        self.decay(to: now)
        self.onset.add(AttemptCount(attempts: attempts, failures: failures), pool: pool, at: now)
        self.attempts += Double(attempts)
        self.failures += Double(failures)
    }

    /// Lets what is old count less.
    mutating func decay(to now: MonotonicInstant) {
        let tick = now.nanoseconds / 250_000_000
        guard tick > self.ticks else { return }
        var exponent = min(tick - self.ticks, 400)
        var (base, factor) = (0.95, 1.0)
        while exponent > 0 {
            if exponent & 1 == 1 { factor *= base }
            base *= base
            exponent >>= 1
        }
        self.ticks = tick
        self.attempts = self.attempts * factor < 0.25 ? 0 : self.attempts * factor
        self.failures = self.failures * factor < 0.25 ? 0 : self.failures * factor
    }

    /// Forgets failures, when the target gets another chance.
    mutating func clear() {
        self.attempts = 0
        self.failures = 0
        self.onset = FailureOnset()
        self.rateSince = nil
        self.forgetSlowness()
        self.fastWindows = 0
    }

    /// Forgets since when it has failed, when it is compared with others than before.
    mutating func forgetOnset() { self.onset = FailureOnset() }

    /// The share of attempts that failed.
    var rate: Double { self.attempts > 0 ? self.failures / self.attempts : 0 }

    /// The failure rate that a sample proves at least, at 97.5 % confidence; 0 for small samples.
    ///
    /// Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    static func provenRate(attempts: Double, failures: Double) -> Double {
        guard attempts >= Self.leastAttempts, failures > 0 else { return 0 }
        let (square, rate) = (1.96 * 1.96, min(1, failures / attempts))
        let spread =
            1.96 * ((rate * (1 - rate) + square / (4 * attempts)) / attempts).squareRoot()
        return (rate + square / (2 * attempts) - spread) / (1 + square / attempts)
    }

    /// Forgets that the rate was beyond bearing.
    mutating func forgetRate() { self.rateSince = nil }

    /// When a rate that is beyond bearing is looked at again.
    var pendingRate: MonotonicInstant? { self.rateSince?.advanced(by: .milliseconds(100)) }

    /// Whether the rate is beyond `limit` now and was so 100 ms ago; both times are needed, since
    /// one batch of a moment proves little.
    mutating func exceeds(
        _ limit: Double,
        attempts: Double,
        failures: Double,
        at now: MonotonicInstant
    ) -> Bool {
        guard Self.provenRate(attempts: attempts, failures: failures) > limit else {
            self.rateSince = nil
            return false
        }
        guard let since = self.rateSince else {
            self.rateSince = now
            return false
        }
        return now >= since.advanced(by: .milliseconds(100))
    }

    /// Adds the latencies of some answers; `true` when a window has ended: after a second, and where
    /// it may be short, as soon as many answers say as much.
    mutating func addLatencies(
        count: UInt32,
        steps: UInt64,
        leastCount: UInt32,
        mayBeShort: Bool,
        at now: MonotonicInstant
    ) -> Bool {
        let start = self.windowStart ?? now
        self.windowStart = start
        self.windowCount = self.windowCount.addingSaturated(count)
        self.windowSteps = self.windowSteps &+ min(steps, UInt64(count) * 1_023)
        let isShort =
            mayBeShort && self.windowCount >= Self.manyAnswers
            && now >= start.advanced(by: Self.shortWindow)
        guard isShort || now >= start.advanced(by: .seconds(1)) && self.windowCount >= leastCount
        else { return false }
        self.latency = (Double(self.windowSteps) / Double(self.windowCount), start, now)
        self.windowStart = now
        self.windowCount = 0
        self.windowSteps = 0
        return true
    }

    /// Compares the last window with the latency that is usual, in microseconds.
    mutating func compare(with usual: Double) {
        guard let latency = self.latency else { return }
        let own = LatencyLogarithm.microseconds(step: latency.step)
        self.fastWindows = own < max(1.5 * usual, usual + 5_000) ? self.fastWindows + 1 : 0
        guard self.isSlow(beside: usual) else { return self.forgetSlowness() }
        if self.slowWindows == 0 { self.slowSince = latency.since }
        self.slowWindows = min(self.slowWindows + 1, 1_000)
        self.slowAt = latency.at
    }

    /// Whether the last window was far slower than what is usual, in microseconds.
    func isSlow(beside usual: Double) -> Bool {
        guard let latency = self.latency else { return false }
        return LatencyLogarithm.microseconds(step: latency.step) > max(3 * usual, usual + 50_000)
    }

    /// Begins to count slow windows anew.
    mutating func forgetSlowness() {
        self.slowWindows = 0
        self.slowSince = nil
    }
}

extension UInt32 {
    func addingSaturated(_ other: UInt32) -> UInt32 {
        let (sum, overflow) = self.addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
