internal import MeshDissemination

/// What a membership has done and seen since its start; only grows, but for the four sizes at the end.
public struct MembershipCounters: Equatable, Sendable {
    /// Probes of this node that began.
    public internal(set) var probes: UInt64 = 0
    /// Probes that somebody answered.
    public internal(set) var probesAnswered: UInt64 = 0
    /// Probes that nobody answered on any way.
    public internal(set) var probesFailed: UInt64 = 0
    /// Members that came under suspicion here.
    public internal(set) var suspicions: UInt64 = 0
    /// Suspicions that ended because the member spoke.
    public internal(set) var suspicionsRefuted: UInt64 = 0
    /// Members declared failed here.
    public internal(set) var failures: UInt64 = 0
    /// Members that were declared failed and came back without a new start: false alarms.
    public internal(set) var falseAlarms: UInt64 = 0
    /// Times that this node refuted what was said of it.
    public internal(set) var refutations: UInt64 = 0
    /// Records whose signature was checked.
    public internal(set) var recordsVerified: UInt64 = 0
    /// Records that their member has not signed.
    public internal(set) var recordsForged: UInt64 = 0
    /// Newcomers that found the member table full.
    public internal(set) var membersRefused: UInt64 = 0
    /// Newcomers refused since a living member has their name.
    public internal(set) var namesRefused: UInt64 = 0
    /// Messages of nodes of another mesh, none of which was believed.
    public internal(set) var foreignMessages: UInt64 = 0

    /// Times that news was held back, since the bytes for datagrams were used up.
    public internal(set) var newsHeld: UInt64 = 0
    /// Answers by stream that did not hold everything, since the bytes for streams were used up.
    public internal(set) var answersCut: UInt64 = 0
    /// Times that this node has withdrawn, since it was hard to reach.
    public internal(set) var withdrawals: UInt64 = 0

    /// News that made room for other news before it was told often enough.
    public internal(set) var newsDropped: UInt64 = 0
    /// Looks at members in doubt that were left to their turn, since too many waited.
    public internal(set) var looksDropped: UInt64 = 0
    /// Pings that others asked for and that were not sent, since too many were in flight.
    public internal(set) var relaysDropped: UInt64 = 0
    /// Members that were gone and were dropped before their time, since there were too many.
    public internal(set) var tombstonesDropped: UInt64 = 0

    /// Members in the table, this node included.
    public internal(set) var members = 0
    /// News that waits to be passed on.
    public internal(set) var queuedNews = 0
    /// Members that were dropped and are remembered as such.
    public internal(set) var forgotten = 0
    /// What intervals and timeouts are multiplied by, from 1: the node's own health.
    public internal(set) var healthMultiplier = 1

    /// Creates counters at zero.
    public init() {}
}

extension Membership {
    /// The counters, with the sizes of this moment.
    public var statistics: MembershipCounters {
        var statistics = self.counters
        statistics.members = self.table.count + 1
        statistics.queuedNews = self.broadcasts.count
        statistics.forgotten = self.forgotten.count
        statistics.newsDropped = self.broadcasts.overflowCount
        statistics.looksDropped = self.probeOrder.overflowCount
        statistics.healthMultiplier = self.health.multiplier
        return statistics
    }
}
