/// Requests of one upstream that wait at one worker until a target has room for them.
///
/// Bounded in number and in time. The most urgent goes first, and the least urgent is refused first
/// when there is no place. Among equals the oldest goes first; when the line has not been empty for
/// 100 ms, the newest does, since with more work than can be done the oldest would be too late
/// anyway and all would be served late. Who cannot be in time is refused at once.
///
/// Times are milliseconds that never go back.
///
/// Source: adaptive LIFO and CoDel of request queues, Maurer, "Fail at Scale", ACM Queue 2015;
/// urgency after RFC 9218 section 4.1.
public struct WaitingLine: Sendable {
    /// How much waits at most.
    public struct Limits: Equatable, Sendable {
        /// Requests, 0 or more.
        public var capacity: Int
        /// Milliseconds that one waits, 0 or more.
        public var patience: Int64

        /// Creates limits; below 0 counts as 0.
        public init(capacity: Int, patience: Int64) {
            self.capacity = max(0, capacity)
            self.patience = max(0, patience)
        }
    }

    /// Why one is not served.
    public enum Refusal: Int, CaseIterable, Sendable {
        /// There is no place, or it went to a more urgent one.
        case full
        /// Its own deadline would pass.
        case late
        /// It has waited for as long as anybody may.
        case overdue
    }

    /// What becomes of one that asks for a place.
    public enum Entry: Equatable, Sendable {
        /// It waits.
        case waits
        /// It waits, and this one has to leave for it.
        case displaces(Int32)
        /// It gets no place.
        case refused(Refusal)
    }

    private struct Waiter {
        let ticket: Int32
        let since: Int64
        /// When its own deadline passes; 0 for never.
        let deadline: Int64
    }

    /// Those of one urgency, oldest first.
    private struct Rank {
        var waiters: ContiguousArray<Waiter> = []
        /// Those before it have left.
        var start = 0

        var count: Int { self.waiters.count - self.start }

        mutating func remove(at index: Int) {
            guard index == self.start else {
                self.waiters.remove(at: index)
                return
            }
            self.start += 1
            guard self.start * 2 > self.waiters.count else { return }
            self.waiters.removeFirst(self.start)
            self.start = 0
        }
    }

    /// Levels of urgency: 0, the most urgent, to 7.
    public static let rankCount = 8
    /// From how long on without an empty moment the newest goes first.
    private static let overload: Int64 = 100
    /// Over which time ends are counted to tell the pace.
    private static let period: Int64 = 100

    /// May change at any time.
    public var limits: Limits
    /// How many wait.
    public private(set) var count = 0
    private var ranks = ContiguousArray<Rank>(repeating: Rank(), count: Self.rankCount)
    private var busySince: Int64 = 0
    /// Requests that ended in the period at hand, and in the one before per period.
    private var ends = 0
    private var pace = 0
    private var periodEnd: Int64 = 0
    /// How long requests take, in sixteenths of a millisecond; 0 while nobody knows.
    private var usual: Int64 = 0

    /// Creates an empty line.
    public init(_ limits: Limits) { self.limits = limits }

    /// Whether nobody waits.
    public var isEmpty: Bool { self.count == 0 }

    /// Asks for a place.
    ///
    /// - Parameters:
    ///   - ticket: names the request; not in the line yet.
    ///   - urgency: 0, the most urgent, to 7; clamped.
    ///   - deadline: milliseconds; 0 for none.
    ///   - now: milliseconds.
    /// - Returns: whether it has one, and who has to leave for it.
    public mutating func enter(
        _ ticket: Int32,
        urgency: Int,
        deadline: Int64,
        at now: Int64
    ) -> Entry {
        let rank = max(0, min(urgency, Self.rankCount - 1))
        guard self.limits.capacity > 0, self.limits.patience > 0 else { return .refused(.full) }
        let wait = self.expectedWait(ofRank: rank, at: now)
        if deadline > 0, now + wait + self.usual / 16 > deadline { return .refused(.late) }
        guard wait <= self.limits.patience else { return .refused(.full) }
        var displaced: Int32 = -1
        if self.count >= self.limits.capacity {
            displaced = self.leastWanted(than: rank, at: now)
            guard displaced >= 0 else { return .refused(.full) }
            self.leave(displaced)
        }
        if self.count == 0 { self.busySince = now }
        self.ranks[rank].waiters.append(Waiter(ticket: ticket, since: now, deadline: deadline))
        self.count += 1
        return displaced < 0 ? .waits : .displaces(displaced)
    }

    /// Who is to be served next, and stays in the line until ``leave(_:)``; -1 when nobody waits.
    public func next(at now: Int64) -> Int32 {
        for rank in self.ranks where rank.count > 0 {
            let index = self.isOverloaded(at: now) ? rank.waiters.count - 1 : rank.start
            return rank.waiters[index].ticket
        }
        return -1
    }

    /// One that must not wait any longer, and why; it stays in the line until ``leave(_:)``.
    public func expired(at now: Int64) -> (ticket: Int32, refusal: Refusal)? {
        for rank in self.ranks where rank.count > 0 {
            let oldest = rank.waiters[rank.start]
            if now >= oldest.since + self.limits.patience { return (oldest.ticket, .overdue) }
            if oldest.deadline > 0, now + self.usual / 16 > oldest.deadline {
                return (oldest.ticket, .late)
            }
        }
        return nil
    }

    /// When ``expired(at:)`` has to be asked again at the latest, in milliseconds.
    public var nextExpiry: Int64 {
        var result = Int64.max
        for rank in self.ranks where rank.count > 0 {
            result = min(result, rank.waiters[rank.start].since + self.limits.patience)
        }
        return result
    }

    /// Takes one out, for whatever reason; an unknown one changes nothing.
    public mutating func leave(_ ticket: Int32) {
        for rank in self.ranks.indices where self.ranks[rank].count > 0 {
            let waiters = self.ranks[rank].waiters
            guard
                let index = waiters[self.ranks[rank].start...]
                    .firstIndex(where: { $0.ticket == ticket })
            else { continue }
            self.ranks[rank].remove(at: index)
            self.count -= 1
            return
        }
    }

    /// Counts a request of the upstream that ended after so many milliseconds at its target.
    public mutating func countEnd(after milliseconds: Int64, at now: Int64) {
        if now >= self.periodEnd {
            self.pace = now < self.periodEnd + Self.period ? self.ends : 0
            self.ends = 0
            self.periodEnd = now + Self.period
        }
        self.ends += 1
        let sample = max(0, min(milliseconds, 3_600_000)) * 16
        self.usual += self.usual == 0 ? sample : (sample - self.usual) / 16
    }

    private func isOverloaded(at now: Int64) -> Bool {
        self.count > 0 && now - self.busySince >= Self.overload
    }

    /// How long a new one would wait, in milliseconds; 0 when nobody knows.
    private func expectedWait(ofRank rank: Int, at now: Int64) -> Int64 {
        guard self.pace > 0, now < self.periodEnd + Self.period, !self.isOverloaded(at: now) else {
            return 0
        }
        let ahead = self.ranks[...rank].reduce(0) { $0 + $1.count }
        return Int64(ahead) * Self.period / Int64(self.pace)
    }

    /// Who leaves for one of a rank: somebody less urgent, or the oldest equal when the newest goes
    /// first; -1 for nobody.
    private func leastWanted(than rank: Int, at now: Int64) -> Int32 {
        let isOverloaded = self.isOverloaded(at: now)
        for place in self.ranks.indices.reversed() where self.ranks[place].count > 0 {
            let waiters = self.ranks[place].waiters
            if isOverloaded, place >= rank { return waiters[self.ranks[place].start].ticket }
            return place > rank ? waiters[waiters.count - 1].ticket : -1
        }
        return -1
    }
}
