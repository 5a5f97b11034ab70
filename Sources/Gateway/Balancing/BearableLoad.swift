/// How many requests in flight a region's targets bear before they queue what they are sent, found by
/// one worker by watching; what is above that may go to another region.
///
///     unknown --answers take twice the usual in three looks running--> known
///     known --10 s without reaching it--> unknown
///     known --60 s of reaching it--> half of it for three looks --> known
///
/// While nothing queues nobody knows it, and nothing goes elsewhere. Half of it is tried now and then,
/// since answers that take long all the same do so for another reason than the load: that is usual then.
///
/// Source: the gradient of Netflix's concurrency-limits, see ``AdaptiveLimit``.
struct BearableLoad: Equatable, Sendable {
    /// Between two looks, in milliseconds.
    private static let period: Int64 = 100
    /// Fewest answers that a look is worth.
    private static let leastSamples = 50
    /// How much longer than usual answers must take before it is sought, and may take once it is known.
    private static let onset = 2.0
    private static let tolerance = 1.5
    /// Looks running at which answers take long before it is sought, and looks at half of it.
    private static let onsetLooks = 3
    private static let trialLooks = 3
    /// Milliseconds without reaching it until it is forgotten, and of reaching it until half of it is
    /// tried.
    private static let idleTime: Int64 = 10_000
    private static let reachedTime: Int64 = 60_000
    /// Requests by which it grows at a look, before smoothing, and its least value.
    private static let growth = 4.0
    private static let smoothing = 0.2

    /// Requests in flight; `Int64.max` while nobody knows.
    private(set) var limit = Int64.max
    private var estimate = 0.0
    /// Microseconds; 0 while nobody knows.
    private var usual = 0.0
    /// Looks running at which answers took long.
    private var longLooks = 0
    /// Milliseconds of reaching it since half of it was tried, and without reaching it.
    private var reached: Int64 = 0
    private var unreached: Int64 = 0
    /// Looks left of a trial of half of it.
    private var trial = 0

    private var sum = 0.0
    private var count = 0
    private var inFlightSum: Int64 = 0
    private var highest: Int64 = 0
    private var lookedAt: Int64 = 0

    /// Takes in one answer.
    ///
    /// - Parameters:
    ///   - microseconds: from sending the request to the head of its answer.
    ///   - inFlight: requests at the region's targets, this one included.
    ///   - now: milliseconds that never go back.
    @inline(__always)
    mutating func take(microseconds: Int64, inFlight: Int64, at now: Int64) {
        self.sum += Double(max(1, min(microseconds, 60_000_000)))
        self.count += 1
        self.inFlightSum += inFlight
        self.highest = max(self.highest, inFlight)
        guard now - self.lookedAt >= Self.period, self.count >= Self.leastSamples else { return }
        self.look(at: now)
    }

    @inline(never)
    private mutating func look(at now: Int64) {
        let mean = self.sum / Double(self.count)
        let load = Double(self.inFlightSum) / Double(self.count)
        if self.limit == .max {
            self.seek(mean, load)
        } else {
            self.follow(mean, after: min(now - self.lookedAt, 1_000))
        }
        (self.sum, self.count, self.inFlightSum, self.highest) = (0, 0, 0, 0)
        self.lookedAt = now
    }

    private mutating func seek(_ mean: Double, _ load: Double) {
        guard self.usual > 0, mean > Self.onset * self.usual, load >= Self.growth else {
            self.longLooks = 0
            return self.learn(mean, weight: 60)
        }
        self.longLooks += 1
        guard self.longLooks >= Self.onsetLooks else { return }
        (self.longLooks, self.reached, self.unreached) = (0, 0, 0)
        // In flight is rate times latency: with so many, answers take what they may.
        self.estimate = load * Self.tolerance * self.usual / mean
        self.apply()
    }

    private mutating func follow(_ mean: Double, after milliseconds: Int64) {
        let isReached = self.highest >= self.limit
        if self.trial > 0 { return self.endTrial(mean) }
        self.unreached = isReached ? 0 : self.unreached + milliseconds
        self.reached += isReached ? milliseconds : 0
        guard self.unreached < Self.idleTime else { return self.forget() }
        guard self.reached < Self.reachedTime else { return self.beginTrial() }
        // While it is reached, a longer answer may be our doing.
        if mean < self.usual || !isReached { self.learn(mean, weight: 60) }
        guard Double(self.highest) * 2 >= self.estimate else { return }
        let gradient = max(0.5, min(1, Self.tolerance * self.usual / mean))
        let wanted = self.estimate * gradient + Self.growth
        self.estimate += Self.smoothing * (wanted - self.estimate)
        self.apply()
    }

    private mutating func beginTrial() {
        self.reached = 0
        self.trial = Self.trialLooks
        self.limit = max(Int64(Self.growth), self.limit / 2)
    }

    /// The first looks still see what was sent before; where the load did not fall, there is nothing to
    /// see.
    private mutating func endTrial(_ mean: Double) {
        self.trial -= 1
        guard self.trial == 0 else { return }
        if Double(self.highest) < self.estimate { self.usual = mean }
        self.apply()
    }

    private mutating func forget() {
        self.unreached = 0
        self.limit = .max
    }

    private mutating func apply() {
        self.estimate = max(Self.growth, min(self.estimate, 1_000_000))
        self.limit = Int64(self.estimate)
    }

    private mutating func learn(_ mean: Double, weight: Double) {
        self.usual =
            self.usual > 0
            ? self.usual + (mean - self.usual) / (mean < self.usual ? 32 : weight) : mean
    }
}
