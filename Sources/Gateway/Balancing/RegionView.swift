import MeshPrimitives

/// A shift of an upstream's traffic between regions, with what it was decided by.
public struct RegionMove: Equatable, Sendable {
    /// One region before and after.
    public struct Change: Equatable, Sendable {
        /// The region; `nil` for failover targets.
        public let region: String?
        /// Its share of the traffic as it was last told, in thousandths.
        public let before: Int
        /// Its share now, in thousandths.
        public let after: Int
        /// Why it gets what it gets now.
        public let cause: RegionCause
        /// The part of its capacity that is in use, in thousandths.
        public let capacity: Int
    }

    /// The upstream's name.
    public let upstream: String
    /// The regions whose share has changed, the greatest change first.
    public let changes: [Change]

    /// The difference of two states; `nil` when it is of no interest to people: below 5 % of the
    /// traffic, and no region's standing has changed.
    init?(_ upstream: String, from before: RegionShares, to after: RegionShares) {
        var changes: [Change] = []
        var isStep = false
        for (old, new) in zip(before.groups, after.groups) {
            isStep = isStep || old.cause != new.cause || abs(old.share - new.share) >= 50
            guard old.toldShare != new.share else { continue }
            changes.append(
                Change(
                    region: new.region,
                    before: old.toldShare,
                    after: new.share,
                    cause: new.cause,
                    capacity: new.capacity
                )
            )
        }
        changes.sort { abs($0.before - $0.after) > abs($1.before - $1.after) }
        guard isStep, !changes.isEmpty else { return nil }
        self.upstream = upstream
        self.changes = changes
    }
}

/// One region of one upstream as it stands.
public struct RegionView: Equatable, Sendable {
    /// The region; `nil` for failover targets.
    public let region: String?
    /// Its share of the traffic, in thousandths.
    public let share: Int
    /// Why.
    public let cause: RegionCause
    /// The part of its capacity that is in use, in thousandths.
    public let capacity: Int
    /// How long that has been the cause.
    public let age: Duration
    /// How long its hold still lasts; `nil` when none runs.
    public let holdLeft: Duration?

    init(_ group: RegionShares.Group, _ policy: RegionPolicy, at now: MonotonicInstant) {
        self.region = group.region
        self.share = group.share
        self.cause = group.cause
        self.capacity = group.capacity
        self.age = group.causeSince.duration(to: now)
        self.holdLeft = group.standing.holdEnd(policy).map { max(.zero, now.duration(to: $0)) }
    }
}
