/// What one node knows of what the others count in a window of time, as it was last told: enough to
/// decide, at once and alone, whether it may count one more.
///
/// Between two tellings it counts for the others at the pace they had, so that a limit that many nodes
/// reach together is not passed by what they count on the way; and of what was left when it was told,
/// it takes its share only.
public struct CounterStanding: Equatable, Sendable {
    /// What others have counted.
    public var others: UInt32 = 0
    /// What this node had counted itself when it was told.
    public var ownThen: UInt32 = 0
    /// What others count per millisecond, of late.
    public var pace = 0.0
    /// How many nodes count, this one included.
    public var sharers: UInt16 = 1
    /// Milliseconds, from any origin that stays: when it was told.
    public var learnedAt: Int64 = 0

    /// Milliseconds that a sum is old when it is learned: half a tick of who counts, some of the
    /// owner's, and the way.
    private static let lag = 30.0
    /// Milliseconds that the pace is trusted for without being told again.
    private static let trust: Int64 = 300
    /// Milliseconds after which nothing is concluded from one window for the next.
    private static let memory: Int64 = 2_000

    /// Knows of nobody else.
    public init() {}

    /// The sum of all, as far as it is known, when this node has counted `own`.
    public func known(own: UInt32) -> UInt32 { Self.sum(self.others, own) }

    /// The sum with what others are likely to have counted since they were asked.
    public func estimate(own: UInt32, at now: Int64) -> UInt32 {
        guard self.pace > 0 else { return self.known(own: own) }
        let elapsed = Double(max(0, min(now &- self.learnedAt, Self.trust)))
        return Self.sum(self.known(own: own), self.guess(elapsed + Self.lag))
    }

    /// Whether the node may count one more under a limit for all.
    public func allows(own: UInt32, limit: UInt32, at now: Int64) -> Bool {
        guard own < .max, self.estimate(own: own, at: now) < limit else { return false }
        guard self.sharers > 1 else { return true }
        let before = Self.sum(self.known(own: self.ownThen), self.guess(Self.lag))
        let left = limit - min(before, limit)
        let sharers = UInt32(self.sharers)
        let share = left / sharers + (left % sharers > 0 ? 1 : 0)
        return own - min(self.ownThen, own) < share
    }

    /// What of it holds for the window that follows: who counted until now, if it was known lately.
    public func next(at now: Int64) -> CounterStanding {
        var next = CounterStanding()
        next.learnedAt = now
        guard (0...Self.memory).contains(now &- self.learnedAt) else { return next }
        next.pace = self.pace
        next.sharers = self.sharers
        return next
    }

    private func guess(_ milliseconds: Double) -> UInt32 {
        UInt32(max(0, min(self.pace * milliseconds, 4_000_000_000)))
    }

    private static func sum(_ one: UInt32, _ other: UInt32) -> UInt32 {
        let (sum, isTooLarge) = one.addingReportingOverflow(other)
        return isTooLarge ? .max : sum
    }
}
