internal import MeshPrimitives

/// What one node knows of the current window of one key.
struct CountedKey: Sendable {
    /// Seconds since 1970 at which the window is over.
    private(set) var end: UInt32
    /// What this node has counted.
    private(set) var own: UInt32 = 0
    /// What all nodes may count together.
    private(set) var limit: UInt32 = .max
    /// What was told of it last; nil before, 0 when the owners have changed.
    var told: UInt32?
    /// How much of the largest sum heard of was this node's.
    private(set) var included: UInt32 = 0
    /// What others do.
    private(set) var standing = CounterStanding()
    /// The lists that it stands in.
    var lists: Lists = []

    /// Why a key waits to be told.
    struct Lists: OptionSet, Sendable {
        let rawValue: UInt8

        static let urgent = Lists(rawValue: 1)
        static let patient = Lists(rawValue: 2)
        static let unconfirmed = Lists(rawValue: 4)
    }

    /// What others have counted, as the owners say, without what is concluded of owners that were lost.
    private var toldOthers: UInt32 = 0

    init(end: UInt32, at now: Int64) {
        self.end = end
        self.standing.learnedAt = now
    }

    /// The most that is known of the sum.
    var known: UInt32 { self.standing.known(own: self.own) }

    /// Whether enough was counted since the last telling that others should know: every count when
    /// little is left of the limit.
    var isUrgent: Bool {
        let untold = self.own - min(self.told ?? 0, self.own)
        let left = self.limit - min(self.known, self.limit)
        return untold >= max(1, left / 64) || (self.told == nil && untold > 0)
    }

    /// Takes over what this node has counted in a window; an earlier one is over already.
    mutating func note(own: UInt32, limit: UInt32, in end: UInt32, at now: Int64) {
        if end > self.end {
            let lists = self.lists
            let standing = self.standing.next(at: now)
            self = CountedKey(end: end, at: now)
            self.standing = standing
            self.lists = lists
        }
        guard end == self.end else { return }
        self.own = max(self.own, own)
        self.limit = limit
    }

    /// Milliseconds over which the others' pace is taken.
    private static let memory = 100.0
    /// Per millisecond: a slower pace is not foreseen.
    private static let slowest = 0.01

    /// Learns a sum; one that says less of the others than is known is old news.
    mutating func learn(_ entry: CounterTotals.Entry, at now: Int64) {
        // Of what anybody has known, all but this node's own is the others'.
        let floor = entry.floor - min(self.own, entry.floor)
        self.standing.others = max(self.standing.others, floor)
        let before = self.toldOthers
        let others = entry.total - min(entry.included, entry.total)
        guard others >= before else { return }
        let elapsed = Double(max(0, now - self.standing.learnedAt))
        self.toldOthers = others
        self.included = max(self.included, entry.included)
        self.standing.others = max(self.standing.others, others)
        self.standing.sharers = max(1, entry.sharers)
        self.standing.ownThen = self.own
        guard elapsed > 0 else { return }
        // By time, so that the same sum told twice does not count for more.
        let weight = min(1, elapsed / Self.memory)
        self.standing.pace += weight * (Double(others - before) / elapsed - self.standing.pace)
        if self.standing.pace < Self.slowest { self.standing.pace = 0 }
        self.standing.learnedAt = now
    }
}

/// What an owner knows of one window.
struct SummedWindow: Sendable {
    /// What each node has counted.
    private(set) var parts: [NodeID: UInt32] = [:]
    /// The most that anybody knew of the sum.
    private(set) var floor: UInt32 = 0
    /// Who counts, and at which tick that was last said.
    private(set) var subscribers: [NodeID: Int] = [:]
    /// Whether it has changed since it was announced.
    var isListed = false
    /// The lists that it stands in, until its turn comes there.
    var lists: Lists = []
    /// The sum that was announced last.
    private(set) var announced: UInt32 = 0
    /// How often it is still announced although nothing changed.
    var repetitions = 0

    /// Why a window waits.
    struct Lists: OptionSet, Sendable {
        let rawValue: UInt8

        /// To be announced before others.
        static let pressing = Lists(rawValue: 1)
        /// To be announced.
        static let changed = Lists(rawValue: 2)
        /// To be announced again as a sum that stays.
        static let settled = Lists(rawValue: 4)
    }

    /// The sum.
    var total: UInt32 {
        self.parts.values.reduce(0) { sum, part in
            let (sum, isTooLarge) = sum.addingReportingOverflow(part)
            return isTooLarge ? .max : sum
        }
    }

    /// Takes in one node's numbers.
    mutating func take(_ entry: CounterReport.Entry, from node: NodeID, tick: Int) {
        self.parts[node] = max(self.parts[node] ?? 0, entry.own)
        self.floor = max(self.floor, entry.known)
        self.subscribers[node] = tick
    }

    /// Notes that the sum is announced.
    mutating func noteAnnounced() {
        self.isListed = false
        self.announced = self.total
    }

    /// Forgets who has not counted since a tick.
    mutating func forget(before tick: Int) {
        self.subscribers = self.subscribers.filter { $0.value >= tick }
    }
}
