import MeshPrimitives

internal import func Glibc.log

/// Attempts, and the failures among them.
struct AttemptCount: Equatable, Sendable {
    var attempts: UInt64 = 0
    var failures: UInt64 = 0

    /// Creates a count.
    init(attempts: UInt32 = 0, failures: UInt32 = 0) {
        self.attempts = UInt64(attempts)
        self.failures = UInt64(failures)
    }

    mutating func add(_ more: AttemptCount) {
        self.attempts &+= more.attempts
        self.failures &+= more.failures
    }

    mutating func add(_ seen: TargetObservation) {
        self.add(AttemptCount(attempts: seen.attempts, failures: seen.failures))
    }

    /// What came since it was `before`.
    func since(_ before: AttemptCount) -> AttemptCount {
        var count = AttemptCount()
        count.attempts = self.attempts &- before.attempts
        count.failures = self.failures &- before.failures
        return count
    }
}

/// What a target answered since it seems to have begun to fail.
///
/// A window of seconds tells late that a busy target fails: what it answered well before hides it.
/// Here each failure counts for as much as it tells three failures in ten from one in twenty, each
/// success against it, and all is forgotten when the sum is no longer above 0; so what is counted
/// begins with the failing itself.
///
/// Source: Page, "Continuous inspection schemes", 1954 (cumulative sums); Hoeffding, "Probability
/// inequalities for sums of bounded random variables", 1963, theorem 1.
struct FailureOnset: Sendable {
    /// How much a failure, and a success, tells three failures in ten from one in twenty.
    private static let weights = (failure: log(0.3 / 0.05), success: log(0.7 / 0.95))
    /// Logarithm of how improbable chance must be: one in 160,000.
    private static let proof = 12.0
    /// How long it is looked at; what lasts longer, the rate of ten seconds shows.
    private static let span = Duration.seconds(5)

    private var score = 0.0
    private var own = AttemptCount()
    /// What all of its kind had counted when it began.
    private var pool = AttemptCount()
    private var start = MonotonicInstant(nanoseconds: 0)

    /// Adds attempts, after all of its kind had counted `pool`.
    mutating func add(_ count: AttemptCount, pool: AttemptCount, at now: MonotonicInstant) {
        if self.score > 0, now >= self.start.advanced(by: Self.span) { self.score = 0 }
        guard self.score > 0 || count.failures > 0 else { return }
        if self.score <= 0 {
            self.score = 0
            self.own = AttemptCount()
            self.pool = pool
            self.start = now
        }
        self.own.add(count)
        let failures = min(count.failures, count.attempts)
        self.score +=
            Double(failures) * Self.weights.failure
            + Double(count.attempts - failures) * Self.weights.success
    }

    /// Whether chance does not explain it: with three times the rate at which others of its kind failed
    /// in the same time, and with one failure in twenty.
    ///
    /// Where the others took fewer than twenty attempts meanwhile, nobody knows what is usual. One more
    /// failure than was seen is held in their favour.
    ///
    /// - Parameters:
    ///   - counted: what all of its kind have counted by now.
    ///   - now: the time.
    /// - Returns: whether it began to fail, and its like did not.
    func isProven(beside counted: AttemptCount, at now: MonotonicInstant) -> Bool {
        guard self.score >= Self.proof, now < self.start.advanced(by: Self.span),
            Double(self.own.attempts) >= TargetEvidence.leastAttempts
        else { return false }
        let others = counted.since(self.pool).since(self.own)
        guard Double(others.attempts) >= TargetEvidence.leastAttempts else { return false }
        let usual = (Double(others.failures) + 1) / (Double(others.attempts) + 1)
        let limit = max(0.05, 3 * usual)
        let rate = Double(self.own.failures) / Double(self.own.attempts)
        guard rate > limit else { return false }
        let success = rate < 1 ? (1 - rate) * log((1 - rate) / (1 - limit)) : 0
        let surprise = rate * log(rate / limit) + success
        return Double(self.own.attempts) * surprise >= Self.proof
    }
}
