import MeshPrimitives

/// How well this node's own pings get through, and whether it is this node's fault when they do not.
///
///     serving --half of the pings lost for five intervals, yet relays reach those--> withdrawn
///        |-------------nobody at all was heard for ten intervals------------------>    |
///        '<------------two thirds of the pings answered for the whole hold-------------'
///
/// A node that receives or sends badly can refute every suspicion, so that others remove it and take
/// it back by turns. But each ping of its own needs both directions: it knows better than anybody. So
/// it withdraws by its own signed word, which nobody can forge, and comes back when it has been well
/// for a while. A loss that all share, or a cut, is not its fault: then relays fail as well.
struct OwnReach: Equatable, Sendable {
    /// How a ping of this node ended.
    enum Outcome: Equatable, Sendable {
        /// The target answered this node itself, by datagram or by stream.
        case answered
        /// Only a relay reached the target.
        case relayed
        /// Nobody did, and a relay said so.
        case denied
        /// Nobody said anything.
        case unanswered
    }

    /// What has changed.
    enum Change: Equatable, Sendable {
        case withdraw
        case resume
    }

    /// How many pings are looked at: 20; fewer than 12 prove nothing.
    static let size = 20
    private static let least = 12
    /// In smaller meshes a node never withdraws.
    static let leastMembers = 8
    /// Probe intervals for which the fault must have been this node's: a hiccup is none.
    private static let blameIntervals = 5
    /// Probe intervals without a word from anybody after which a node withdraws.
    private static let deafIntervals = 10
    /// Probe intervals for which most pings must be answered before a node comes back; doubles with
    /// each withdrawal within ten minutes of a return.
    private static let holdIntervals = 30
    /// The same when most others have withdrawn as well: then nothing was wrong with this node alone.
    private static let sharedHoldIntervals = 5
    private static let longestDoubling = 4
    private static let forgiveness = Duration.seconds(600)

    private var outcomes: [Outcome] = []
    /// Pings since somebody was heard.
    private var silentPings = 0
    private(set) var isWithdrawn = false
    /// Whether it withdrew since it heard nobody, and most others were seen to have withdrawn since.
    private var wasDeaf = false
    private var isShared = false
    private var withdrawals = 0
    private var resumedAt: MonotonicInstant?
    private var goodSince: MonotonicInstant?
    private var badSince: MonotonicInstant?
    private var nextTurn: MonotonicInstant?

    /// Whether this node's word on others is worth nothing: its own pings fail where relays succeed.
    var isToBlame: Bool {
        self.outcomes.count >= Self.least && self.lostCount * 2 >= self.outcomes.count
            && self.isOutdone(by: 3)
    }

    /// Whether this node should accuse nobody for as long as it is like this; sooner than it
    /// withdraws, since that costs little.
    var abstains: Bool {
        self.isOutdone(by: 2) || (self.isWithdrawn && self.lostCount * 2 >= Self.size)
    }

    /// When one more ping may be sent, since half of the last few were lost and nothing follows from that
    /// yet: a quarter of an interval after the one before; `nil` while none need be.
    var turn: MonotonicInstant? {
        guard !self.isWithdrawn, self.isLosing else { return nil }
        return self.nextTurn ?? MonotonicInstant(nanoseconds: 0)
    }

    /// Whether it is time for one more ping; takes that turn.
    mutating func takeTurn(_ interval: Duration, at now: MonotonicInstant) -> Bool {
        guard let turn = self.turn, turn <= now else { return false }
        self.nextTurn = now.advanced(by: interval / 4)
        return true
    }

    /// Takes in how one ping ended.
    mutating func note(_ outcome: Outcome) {
        self.outcomes.append(outcome)
        if self.outcomes.count > Self.size { self.outcomes.removeFirst() }
        self.silentPings += 1
    }

    /// Looks at everything again.
    ///
    /// - Parameters:
    ///   - lastHeard: when anybody was heard last.
    ///   - interval: the probe interval.
    ///   - others: how many other members are there.
    ///   - withdrawn: how many more have withdrawn.
    ///   - now: the current moment.
    /// - Returns: what the node must tell everybody, if anything.
    mutating func consider(
        lastHeard: MonotonicInstant?,
        interval: Duration,
        others: Int,
        withdrawn: Int = 0,
        at now: MonotonicInstant
    ) -> Change? {
        let silence = lastHeard.map { $0.duration(to: now) } ?? .zero
        if silence < interval { self.silentPings = 0 }
        let isDeaf = silence >= interval * Self.deafIntervals && self.silentPings >= Self.least
        guard self.isWithdrawn else {
            if self.isToBlame {
                self.badSince = self.badSince ?? now
            } else if self.isCleared {
                self.badSince = nil
            }
            let isLong = self.badSince.map {
                $0.duration(to: now) >= interval * Self.blameIntervals
            }
            let isBad = self.isToBlame && isLong ?? false
            guard others + 1 >= Self.leastMembers, isBad || isDeaf else { return nil }
            return self.withdraw(isDeaf: isDeaf, at: now)
        }
        let recent = self.outcomes.suffix(Self.size / 2)
        let isGood =
            silence < interval * 3 && recent.count { $0 != .answered } * 3 < recent.count
        self.goodSince = isGood ? self.goodSince ?? now : nil
        if self.wasDeaf, withdrawn > others { self.isShared = true }
        let intervals = self.isShared ? Self.sharedHoldIntervals : Self.holdIntervals
        let hold = interval * (intervals << min(self.withdrawals - 1, Self.longestDoubling))
        guard let goodSince, goodSince.duration(to: now) >= hold else { return nil }
        self.isWithdrawn = false
        self.resumedAt = now
        return .resume
    }

    private mutating func withdraw(isDeaf: Bool, at now: MonotonicInstant) -> Change {
        self.wasDeaf = isDeaf
        self.isShared = false
        if let resumedAt, resumedAt.duration(to: now) >= Self.forgiveness { self.withdrawals = 0 }
        self.withdrawals += 1
        self.isWithdrawn = true
        self.goodSince = nil
        self.badSince = nil
        return .withdraw
    }

    /// Whether half of the last few pings were lost, and relays reached so many of the members that
    /// this node did not, four times as often as they did not.
    private func isOutdone(by least: Int) -> Bool {
        let relayed = self.count(.relayed)
        return self.isLosing && relayed >= least && relayed >= 4 * self.count(.denied)
    }

    /// Whether half of the last few pings were lost.
    private var isLosing: Bool { self.outcomes.suffix(6).count { $0 != .answered } >= 3 }

    /// Whether the fault is over, or was not this node's: a few answers in a row are chance where many
    /// pings are sent, so that they do not clear it.
    private var isCleared: Bool {
        self.outcomes.suffix(6).count { $0 != .answered } <= 1
            || self.lostCount * 5 < self.outcomes.count * 2
            || self.count(.relayed) < 4 * self.count(.denied)
    }

    private var lostCount: Int { self.outcomes.count { $0 != .answered } }

    private func count(_ outcome: Outcome) -> Int { self.outcomes.count { $0 == outcome } }
}
