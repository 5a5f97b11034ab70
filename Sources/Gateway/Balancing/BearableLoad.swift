/// How many requests may await an answer of a region's targets before they queue what they are sent,
/// found by one worker by watching; what is above that may go to another region.
///
///     unknown --answers take twice the usual in three looks running--> known
///     known --10 s without reaching it--> unknown
///     known --0.5 s, or 60 s, of reaching it--> a quarter of it, for 2 s at most --> known
///     known --half as many do not help in three looks running--> known, more is usual
///
/// While nothing queues nobody knows it, and nothing goes elsewhere. What is usual is learned downwards
/// and upwards in seconds while nothing queues; when it is reached, when longer answers may be our doing,
/// downwards in a minute and upwards in a quarter of an hour. Since what was learned in an overload would
/// stay, a quarter of it is tried now and then: what answers take then is usual if it is less. That finds
/// little where most of the load is another worker's or node's. Where answers take as long with half as
/// many requests, load is not the reason: then that is usual, and what went elsewhere comes home little by
/// little.
///
/// Requests in flight are rate times latency (Little's law). So a region that queues bears the rate at
/// which it answers times the latency that is allowed, however long its queue has become.
struct BearableLoad: Equatable, Sendable {
    /// Between two looks, in milliseconds.
    private static let period: Int64 = 100
    /// Fewest answers that a look can judge by; after a second it ends without a judgement.
    private static let leastSamples = 50
    private static let longestLook: Int64 = 1_000
    /// How long looks that cannot judge are summed up, in milliseconds.
    private static let longestSum: Int64 = 10_000
    /// How much longer than usual answers must take before it is sought, and may take once it is known.
    private static let onset = 2.0
    private static let tolerance = 1.5
    /// Microseconds by which they must take longer at least before it is sought, and may take once it is
    /// known: what is quick takes twice as long for many reasons, and another region is farther away.
    private static let leastOnset = 10_000.0
    private static let leastTolerance = 5_000.0
    /// Looks running at which answers take long before it is sought.
    private static let onsetLooks = 3
    /// Looks before anybody knows what is usual, and how many of them longer than the one before are no
    /// chance.
    private static let leastLooks = 10.0
    private static let manyRises = 8
    /// Milliseconds of a trial at most; when more is there for so long, nobody else takes it.
    private static let trialTime: Int64 = 2_000
    /// Fewest answers that tell what is usual all at once.
    private static let trialSamples = 200
    /// Milliseconds without reaching it until it is forgotten, and of reaching it until a quarter of it is
    /// tried.
    private static let idleTime: Int64 = 10_000
    private static let soon: Int64 = 500
    private static let seldom: Int64 = 60_000
    /// Its least value, the part by which it grows at a look, and by which it nears what was found.
    private static let least = 1.0
    private static let growth = 0.05
    private static let smoothing = 0.3
    /// The part of what they took that answers still take where half as many requests do not help.
    private static let inVain = 0.8

    /// Requests that await an answer; `Int64.max` while nobody knows.
    private(set) var limit = Int64.max
    private var estimate = 0.0
    /// What it was, and what answers took, when they took longest since they took no longer than they may,
    /// or since half as many requests helped; 0 while they take no longer.
    private var longEstimate = 0.0
    private var longMean = 0.0
    /// Microseconds, and the looks that it comes from.
    private var usual = 0.0
    private var looks = 0.0
    /// Of the first looks: what answers took in the second and the last, and how often longer than before.
    private var first = 0.0
    private var before = 0.0
    private var rises = 0
    /// Looks running at which answers took long.
    private var longLooks = 0
    /// Milliseconds of reaching it until the next trial, and without reaching it.
    private var untilTrial = Self.soon
    private var unreached: Int64 = 0
    /// Milliseconds left of a trial; 0 without one.
    private var trial: Int64 = 0

    private var sum = 0.0
    private var count = 0
    private var highest: Int64 = 0
    private var summedSince: Int64 = 0
    private var lookedAt: Int64 = 0

    /// Takes in one answer.
    ///
    /// - Parameters:
    ///   - microseconds: from sending the request to the head of its answer.
    ///   - awaited: requests that await an answer of the region, this one included.
    ///   - now: milliseconds that never go back.
    @inline(__always)
    mutating func take(microseconds: Int64, awaited: Int64, at now: Int64) {
        self.sum += Double(max(1, min(microseconds, 60_000_000)))
        self.count += 1
        self.highest = max(self.highest, awaited)
        let passed = now - self.lookedAt
        guard passed >= Self.period,
            self.count >= Self.leastSamples || passed >= Self.longestLook
        else { return }
        self.look(at: now)
    }

    @inline(never)
    private mutating func look(at now: Int64) {
        let milliseconds = max(1, now - self.lookedAt)
        let mean = self.sum / Double(self.count)
        // Answers per microsecond.
        let rate = Double(self.count) / Double(max(1, now - self.summedSince)) / 1_000
        let isJudged = self.count >= Self.leastSamples
        if self.limit != .max {
            self.follow(isJudged ? (mean, rate) : nil, after: milliseconds)
        } else if isJudged {
            self.seek(mean, rate)
        }
        self.lookedAt = now
        // A trial goes on with what it has seen since others' requests were answered, and what goes
        // elsewhere must not leave too few to judge by.
        let isTrying = self.trial > 0 && self.highest <= self.limit
        if !isTrying { self.highest = 0 }
        let isTooFew = !isJudged && now - self.summedSince < Self.longestSum
        if !isTrying, !isTooFew { (self.sum, self.count, self.summedSince) = (0, 0, now) }
    }

    private mutating func seek(_ mean: Double, _ rate: Double) {
        guard self.looks >= Self.leastLooks else { return self.begin(mean) }
        guard mean > max(Self.onset * self.usual, self.usual + Self.leastOnset) else {
            self.longLooks = 0
            return self.learn(mean, down: 30, up: 60)
        }
        self.longLooks += 1
        guard self.longLooks >= Self.onsetLooks else { return }
        (self.longLooks, self.unreached, self.untilTrial) = (0, 0, Self.soon)
        self.estimate = rate * self.allowed
        (self.longEstimate, self.longMean) = (self.estimate, mean)
        self.apply()
    }

    /// What answers may take, in microseconds.
    private var allowed: Double {
        max(Self.tolerance * self.usual, self.usual + Self.leastTolerance)
    }

    /// The first looks: their mean is usual, unless answers take ever longer; then it all began in an
    /// overload, and what they took early is nearer to what is usual; trials lower it.
    private mutating func begin(_ mean: Double) {
        // What is answered first of all are the short ones.
        if self.looks == 1 { self.first = mean }
        self.rises += mean > self.before ? 1 : 0
        self.before = mean
        self.learn(mean, down: 30, up: 60)
        guard self.looks == Self.leastLooks else { return }
        if self.rises >= Self.manyRises, mean > 3 * self.first { self.usual = self.first }
    }

    private mutating func follow(
        _ seen: (mean: Double, rate: Double)?,
        after milliseconds: Int64
    ) {
        let isReached = self.highest >= self.limit
        if self.trial > 0 { return self.followTrial(seen?.mean, after: milliseconds) }
        self.unreached = isReached ? 0 : self.unreached + milliseconds
        self.untilTrial -= isReached ? milliseconds : 0
        guard self.unreached < Self.idleTime else { return self.forget() }
        guard self.untilTrial > 0 else { return self.beginTrial() }
        guard let (mean, rate) = seen else { return }
        // Looks differ by chance: learned fast downwards, the least of them would be usual.
        self.learn(mean, down: 600, up: isReached ? 6_000 : 600)
        if mean > self.allowed {
            let found = rate * self.allowed
            self.estimate += Self.smoothing * (found - self.estimate)
            if isReached { self.giveWay(to: mean, rate) }
        } else if isReached {
            self.longMean = 0
            self.estimate += max(1, Self.growth * self.estimate)
        }
        self.apply()
    }

    /// Takes what answers take for usual when load is not the reason.
    ///
    /// With half as many requests they take about as long then; where capacity was lost they take less.
    private mutating func giveWay(to mean: Double, _ rate: Double) {
        let isHalf = self.estimate <= max(Self.least, self.longEstimate / 2)
        if mean > self.longMean || (isHalf && mean <= Self.inVain * self.longMean) {
            (self.longEstimate, self.longMean) = (self.estimate, mean)
            self.longLooks = 0
            return
        }
        self.longLooks = isHalf ? self.longLooks + 1 : 0
        guard self.longLooks >= Self.onsetLooks else { return }
        (self.longLooks, self.longMean) = (0, 0)
        self.usual = mean
        self.estimate = rate * self.allowed
    }

    private mutating func beginTrial() {
        self.trial = Self.trialTime
        self.limit = max(1, self.limit / 4)
    }

    /// What was sent before must have left first.
    private mutating func followTrial(_ mean: Double?, after milliseconds: Int64) {
        self.trial = max(0, self.trial - milliseconds)
        let isThere = self.highest <= self.limit && self.count >= Self.trialSamples
        let found = isThere ? mean : nil
        guard found != nil || self.trial == 0 else { return }
        self.trial = 0
        let isLess = found.map { $0 < 0.8 * self.usual } ?? false
        self.untilTrial = isLess ? Self.soon : Self.seldom
        if let found, isLess {
            // What is bearable now is less by as much; that is no sign that load is not the reason.
            self.longMean = 0
            self.usual = found
        }
        self.apply()
    }

    /// The same for a region that has so many times the weight.
    func scaled(by factor: Double) -> BearableLoad {
        var result = self
        guard self.limit != .max, factor > 0 else { return result }
        result.estimate *= factor
        result.longEstimate *= factor
        result.trial = 0
        result.apply()
        return result
    }

    private mutating func forget() {
        self.unreached = 0
        self.limit = .max
    }

    private mutating func apply() {
        self.estimate = max(Self.least, min(self.estimate, 1_000_000))
        self.limit = Int64(self.estimate)
    }

    private mutating func learn(_ mean: Double, down: Double, up: Double) {
        self.looks += 1
        let steps = mean < self.usual ? down : up
        self.usual += (mean - self.usual) / (self.looks > Self.leastLooks ? steps : self.looks)
    }
}
