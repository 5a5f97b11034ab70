/// How many requests one worker may have in flight at a target, found by measuring.
///
/// Every 100 ms the mean time of an answer is compared with what is usual. As long as it is not half as
/// long again, the limit grows; when it is, the target queues what it is sent, and the limit falls in
/// proportion. A limit that is not reached stays as it is.
///
///     starting: grows by half per look --an answer takes too long--> steady: grows by less than one
///     steady --2 s, or 30 s, of being reached--> dip: a quarter for two looks --> steady
///
/// What is usual is learned downwards in three seconds. Upwards it is learned in seconds as long as the
/// limit is not reached, when a longer answer cannot be our doing, and in many minutes when it is: else a
/// long overload would become what is usual. And since what was learned in an overload would stay, a
/// limit that is reached and too high dips now and then: what answers take then is usual if it is less.
///
/// Source: Gradient2 of Netflix's concurrency-limits, whose long average follows an overload.
public struct AdaptiveLimit: Equatable, Sendable {
    /// Least limit: 4.
    public static let minimum = 4
    /// The limit of a target that nothing is known of: 8.
    public static let initial = 8
    /// Between two looks, in milliseconds.
    private static let period: Int64 = 100
    /// Fewest answers that a look is worth.
    private static let leastSamples = 10
    /// Requests by which a limit grows at a look, before smoothing.
    private static let growth = 4.0
    /// How much longer than usual an answer may take.
    private static let tolerance = 1.5
    private static let smoothing = 0.2
    /// Looks before a dip when the last one has found much, and when it has not.
    private static let soon = 20
    private static let seldom = 300

    /// Highest limit, 1 or more; below ``minimum`` it is the least one, too.
    public let maximum: Int
    private var estimate: Double
    private var isStarting = true
    /// Looks until the next dip, what is left of the one at hand, and the limit from before it.
    private var looksToDip = Self.soon
    private var dipLeft = 0
    private var kept = 0.0
    /// Microseconds; 0 while nobody knows.
    private var usual = 0.0
    private var sum = 0.0
    private var count = 0
    private var highest = 0
    private var periodEnd: Int64 = 0

    /// Begins at ``initial``.
    public init(maximum: Int) {
        self.maximum = max(1, maximum)
        self.estimate = Double(min(Self.initial, self.maximum))
    }

    /// The limit.
    public var limit: Int { Int(self.estimate) }

    /// Takes in one answer.
    ///
    /// - Parameters:
    ///   - microseconds: from sending the request to the head of its answer.
    ///   - inFlight: requests at the target, this one included.
    ///   - now: milliseconds that never go back.
    /// - Returns: whether the limit has changed.
    public mutating func take(microseconds: Int64, inFlight: Int, at now: Int64) -> Bool {
        self.sum += Double(max(1, min(microseconds, 60_000_000)))
        self.count += 1
        self.highest = max(self.highest, inFlight)
        guard now >= self.periodEnd, self.count >= Self.leastSamples else { return false }
        let before = self.limit
        self.look(self.sum / Double(self.count))
        (self.sum, self.count, self.highest) = (0, 0, 0)
        self.periodEnd = now + Self.period
        return self.limit != before
    }

    private mutating func look(_ mean: Double) {
        let isReached = self.highest >= self.limit
        if self.dipLeft > 0 { return self.endDip(mean) }
        if isReached, !self.isStarting, mean > Self.tolerance * self.usual {
            self.looksToDip -= 1
            if self.looksToDip <= 0 { return self.beginDip() }
        }
        self.learn(mean, isReached: isReached)
        guard Double(self.highest) * 2 >= self.estimate else { return }
        let gradient = max(0.5, min(1, Self.tolerance * self.usual / mean))
        if gradient < 1 { self.isStarting = false }
        if self.isStarting {
            // Only what was tried is known to be bearable.
            self.estimate *= isReached ? 1.5 : 1
        } else {
            let wanted = self.estimate * gradient + Self.growth
            self.estimate += Self.smoothing * (wanted - self.estimate)
        }
        self.estimate = max(self.least, min(self.estimate, Double(self.maximum)))
    }

    private var least: Double { Double(min(Self.minimum, self.maximum)) }

    private mutating func beginDip() {
        self.kept = self.estimate
        self.estimate = max(self.least, self.estimate / 4)
        self.dipLeft = 2
    }

    /// The first look of a dip still sees what was sent before.
    private mutating func endDip(_ mean: Double) {
        self.dipLeft -= 1
        guard self.dipLeft == 0 else { return }
        self.looksToDip = mean < self.usual * 0.8 ? Self.soon : Self.seldom
        self.usual = min(self.usual, mean)
        self.estimate = self.kept
    }

    private mutating func learn(_ mean: Double, isReached: Bool) {
        guard self.usual > 0 else {
            self.usual = mean
            return
        }
        let weight = mean < self.usual ? 32.0 : isReached ? 4_000 : 60
        self.usual += (mean - self.usual) / weight
    }
}
