internal import MeshPrimitives

/// What one node knows of the current window of one key.
struct CountedKey: Sendable {
    /// Seconds since 1970 at which the window is over.
    private(set) var end: UInt32
    /// What this node has counted.
    var own: UInt32 = 0
    /// What was told of it last, and at which tick; nil before, and when the owners have changed.
    var told: UInt32 = 0
    var toldAt: Int?
    /// The largest sum heard of, and how much of it was this node's.
    private(set) var total: UInt32 = 0
    private(set) var included: UInt32 = 0
    /// Milliseconds: when the others' count last became known.
    private var learnedAt: Int64
    /// What others count per millisecond, of late; kept from window to window.
    private var pace = 0.0

    init(end: UInt32, at now: Int64) {
        self.end = end
        self.learnedAt = now
    }

    /// The most that anybody has known the sum to be.
    private var floor: UInt32 = 0
    /// How many nodes count, and what this one had counted when that was learned.
    private var sharers: UInt32 = 1
    private var ownWhenLearned: UInt32 = 0

    /// What others have counted, as far as was told.
    private var others: UInt32 { self.total - min(self.included, self.total) }

    /// The most that is known of the sum.
    var known: UInt32 { max(self.floor, self.others.addingClamped(self.own)) }

    /// Begins another window.
    mutating func begin(_ end: UInt32, at now: Int64) {
        self.end = end
        self.own = 0
        self.told = 0
        self.toldAt = nil
        self.total = 0
        self.included = 0
        self.floor = 0
        self.ownWhenLearned = 0
        self.learnedAt = now
    }

    /// The sum with what others are likely to have counted since they were asked.
    func estimate(at now: Int64, trust: Int64) -> UInt32 {
        guard self.pace > 0 else { return self.known }
        let elapsed = Double(max(0, min(now - self.learnedAt, trust)))
        let guess = UInt32(max(0, min(self.pace * (elapsed + Self.lag), 4_000_000_000)))
        return self.known.addingClamped(guess)
    }

    /// Whether this node has not yet taken its share of what was left when the sum was learned.
    func isWithinShare(of limit: UInt32) -> Bool {
        guard self.sharers > 1 else { return true }
        let guess = UInt32(max(0, min(self.pace * Self.lag, 4_000_000_000)))
        let before = max(self.floor, self.others.addingClamped(self.ownWhenLearned))
            .addingClamped(guess)
        let left = limit - min(before, limit)
        let share = left / self.sharers + (left % self.sharers > 0 ? 1 : 0)
        return self.own - min(self.ownWhenLearned, self.own) < share
    }

    /// Milliseconds that a sum is old when it is learned: half a tick of who counts, some of the
    /// owner's, and the way.
    private static let lag = 30.0
    /// Milliseconds over which the others' pace is taken.
    private static let memory = 100.0
    /// Per millisecond: a slower pace is not foreseen.
    private static let slowest = 0.01

    /// Learns a sum; one that says less of the others than is known is old news.
    mutating func learn(_ entry: CounterTotals.Entry, at now: Int64) {
        self.floor = max(self.floor, entry.floor)
        let before = self.others
        let others = entry.total - min(entry.included, entry.total)
        guard others >= before else { return }
        let elapsed = Double(max(0, now - self.learnedAt))
        self.total = entry.total
        self.included = entry.included
        self.sharers = max(1, UInt32(entry.sharers))
        self.ownWhenLearned = self.own
        guard elapsed > 0 else { return }
        // By time, so that the same sum told twice does not count for more.
        let weight = min(1, elapsed / Self.memory)
        self.pace += weight * (Double(others - before) / elapsed - self.pace)
        if self.pace < Self.slowest { self.pace = 0 }
        self.learnedAt = now
    }
}

/// What an owner knows of one window.
struct SummedWindow: Sendable {
    /// What each node has counted.
    private(set) var parts: [NodeID: UInt32] = [:]
    /// The most that anybody knew of the sum.
    private(set) var floor: UInt32 = 0
    /// Who wants to be told, and at which tick that was last said.
    var subscribers: [NodeID: Int] = [:]
    /// The sum that was told last, and at which tick.
    var announced: UInt32 = 0
    var announcedAt = 0

    /// The sum.
    var total: UInt32 {
        self.parts.values.reduce(0) { $0.addingClamped($1) }
    }

    /// Takes in one node's numbers.
    mutating func take(_ own: UInt32, known: UInt32, from node: NodeID) {
        self.parts[node] = max(self.parts[node] ?? 0, own)
        self.floor = max(self.floor, known)
    }
}

extension UInt32 {
    func addingClamped(_ other: UInt32) -> UInt32 {
        let (sum, isTooLarge) = self.addingReportingOverflow(other)
        return isTooLarge ? .max : sum
    }
}
