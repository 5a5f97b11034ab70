import MeshPrimitives

/// How one upstream's traffic is shared out over regions.
///
/// The regions take what they can in order of preference; what is left goes to the first that has
/// any target in use, so that no request is refused while somebody could serve it.
struct RegionShares: Sendable {
    /// What is the same for all upstreams at the moment.
    struct Surroundings: Sendable {
        var orders: [RegionOrder] = []
        /// Regions to which nothing returns, since their nodes are not plainly there.
        var doubtful: Set<String> = []
        var isIsolated = false
        /// What to add to the own clock for the fleet's.
        var fleetOffset = Duration.zero

        func order(of region: String?, at fleet: MonotonicInstant) -> RegionOrder? {
            self.orders.first { $0.region == region && $0.since <= fleet && fleet < $0.until }
        }
    }

    /// One group of targets.
    struct Group: Sendable {
        /// The region; `nil` for failover targets.
        let region: String?
        /// Sum of the weights of its targets, and the part in use, in thousandths of weights.
        var weight = 0
        var usable = 0
        var standing = RegionStanding()
        var traffic = RegionTraffic()
        /// The kind of the order that holds now.
        var order: RegionOrder.Kind?
        /// What it took at most when it was last looked at, in thousandths of what better ones leave.
        var held: Int?
        /// What it gets of the traffic, in thousandths, and why.
        var share = 0
        var cause = RegionCause.usual
        /// Since when that has been the cause.
        var causeSince: MonotonicInstant
        /// What people were last told that it gets, in thousandths.
        var toldShare = 0
        /// Until when it counts as taking requests that another region bears no more; `nil` when it does
        /// not.
        var overflowEnd: MonotonicInstant?

        init(region: String?, at now: MonotonicInstant) {
            self.region = region
            self.causeSince = now
        }

        /// The part of its capacity that is in use, in thousandths.
        var capacity: Int { self.weight > 0 ? min(1_000, self.usable / self.weight) : 0 }
    }

    var policy: RegionPolicy
    var groups: [Group]
    /// Begun returns of peers, by group.
    var returns: [[MonotonicInstant]]
    /// When it must be looked at again; `nil` while only an input changes anything.
    private(set) var next: MonotonicInstant?
    /// The region whose standing changed last.
    private(set) var lastChange = 0

    init(policy: RegionPolicy, regions: [String?], at now: MonotonicInstant) {
        self.policy = policy
        self.groups = regions.map { Group(region: $0, at: now) }
        self.returns = regions.map { _ in [] }
    }

    /// The groups that take what the better ones have no room for: by load, regions that are well and
    /// that no operator empties.
    var openGroups: Set<Int> {
        guard self.policy.spill == .load else { return [] }
        let places = self.groups.indices.filter { place in
            let group = self.groups[place]
            let isLeft = group.order == .drain || group.order == .failover
            return group.region != nil && group.standing.stage == .serving && !isLeft
                && group.capacity > 0
        }
        return Set(places)
    }

    /// Notes that people know the shares as they are.
    mutating func noteTold() {
        for place in self.groups.indices {
            self.groups[place].toldShare = self.groups[place].share
        }
    }

    /// Looks at everything again; `true` when shares have changed.
    mutating func update(_ around: Surroundings, at now: MonotonicInstant) -> Bool {
        let fleet = now.advanced(by: around.fleetOffset)
        let before = self.groups.map(\.share)
        let causes = self.groups.map(\.cause)
        for place in self.groups.indices {
            if let end = self.groups[place].overflowEnd, end <= now {
                self.groups[place].overflowEnd = nil
            }
            let standing = self.groups[place].standing.stage
            self.follow(place, around, fleet, at: now)
            if self.groups[place].standing.stage != standing { self.lastChange = place }
        }
        self.shareOut(around, fleet)
        for place in self.groups.indices where self.groups[place].cause != causes[place] {
            self.groups[place].causeSince = now
        }
        self.next = self.nextLook(around, fleet, at: now)
        return self.groups.map(\.share) != before
    }

    /// Looks at everything as it will be when orders have taken full effect, and returns that orders allow
    /// are over.
    mutating func settle(_ around: Surroundings, at now: MonotonicInstant) {
        _ = self.update(around, at: now)
        for place in self.groups.indices {
            let standing = self.groups[place].standing
            guard standing.start != nil, !standing.isFrozen else { continue }
            self.groups[place].standing.serve()
        }
        self.shareOut(around, now.advanced(by: around.fleetOffset))
    }

    /// Moves one region's standing on.
    private mutating func follow(
        _ place: Int,
        _ around: Surroundings,
        _ fleet: MonotonicInstant,
        at now: MonotonicInstant
    ) {
        let group = self.groups[place]
        let order = around.order(of: group.region, at: fleet)?.kind
        let wasMoved = group.order == .drain || group.order == .failover
        self.groups[place].order = order
        self.groups[place].standing.take(capacity: group.capacity, at: now)
        if order == .failover { self.groups[place].standing.recall(at: now) }
        let isThere =
            switch group.standing.stage {
            case .serving, .returning: true
            case .lost, .holding: false
            }
        if wasMoved, order != .drain, order != .failover, isThere {
            // What an operator has moved away returns as what was lost, but needs no hold.
            self.beginReturn(place, from: group.share, fleet, at: now)
        }
        switch self.groups[place].standing.stage {
        case .serving: return
        case .lost, .holding: self.considerReturn(place, order, around, fleet, at: now)
        case .returning: self.considerProgress(place, order, fleet, at: now)
        }
    }

    private mutating func considerReturn(
        _ place: Int,
        _ order: RegionOrder.Kind?,
        _ around: Surroundings,
        _ fleet: MonotonicInstant,
        at now: MonotonicInstant
    ) {
        let group = self.groups[place]
        let isOver = group.standing.holdEnd(self.policy).map { $0 <= now } ?? false
        let isTold = order == .failback && group.capacity >= RegionStanding.tooLittle
        let isDoubtful = around.isIsolated || group.region.map(around.doubtful.contains) ?? false
        switch order {
        case .drain, .failover, .hold: return
        case .failback where isTold: break
        case .failback, nil: guard isOver, !isDoubtful else { return }
        }
        self.beginReturn(place, from: 0, fleet, at: now)
    }

    private mutating func beginReturn(
        _ place: Int,
        from share: Int,
        _ fleet: MonotonicInstant,
        at now: MonotonicInstant
    ) {
        // A return is judged by what it answers itself. The failures by which the region was lost would
        // stop it before it gets a request that could show better.
        self.groups[place].traffic = RegionTraffic()
        self.groups[place].standing.beginReturn(self.policy, from: share, fleet: fleet, at: now)
    }

    private mutating func considerProgress(
        _ place: Int,
        _ order: RegionOrder.Kind?,
        _ fleet: MonotonicInstant,
        at now: MonotonicInstant
    ) {
        let serving = self.groups.indices.filter { $0 != place }
            .max { self.groups[$0].share < self.groups[$1].share }
        var isFrozen = order == .hold || order == .drain
        if let serving {
            switch self.groups[place].traffic.compared(with: self.groups[serving].traffic) {
            case .alike: break
            case .worse: isFrozen = true
            case .farWorse:
                let capacity = self.groups[place].capacity
                return self.groups[place].standing.abort(capacity: capacity, at: now)
            }
        }
        self.groups[place].standing.freeze(isFrozen, at: now)
        guard !isFrozen, self.progress(place, fleet) == 1_000 else { return }
        self.groups[place].standing.serve()
    }

    /// The share that a return has reached, by the middle of what all nodes say of its beginning, the
    /// later one of two.
    private func progress(_ place: Int, _ fleet: MonotonicInstant) -> Int {
        guard let own = self.groups[place].standing.start else { return 0 }
        let span = self.policy.ramp + .seconds(900)
        let near = self.returns[place].filter {
            $0.advanced(by: span) > own && own.advanced(by: span) > $0
        }
        let starts = (near + [own]).sorted()
        return RegionStanding.progress(since: starts[starts.count / 2], self.policy, fleet: fleet)
    }

    /// What a region takes of what the better ones leave, in thousandths, and why not all.
    private func limit(
        _ place: Int,
        _ around: Surroundings,
        _ fleet: MonotonicInstant
    ) -> (Int, RegionCause) {
        let group = self.groups[place]
        let order = around.order(of: group.region, at: fleet)
        if group.weight == 0 { return (0, .absent) }
        if group.order == .failover { return (0, .failedOver) }
        var limit: (Int, RegionCause)
        switch group.standing.stage {
        case .lost: limit = (0, group.standing.isGivenUp ? .givenUp : .lost)
        case .holding: limit = (0, group.standing.isGivenUp ? .givenUp : .holding)
        case .returning:
            let cause: RegionCause = group.standing.isFrozen ? .frozen : .returning
            limit = (self.progress(place, fleet), cause)
        case .serving: limit = (1_000, .usual)
        }
        if self.policy.spill == .load, group.capacity > 0 {
            let bearable = min(1_000, group.capacity * 7 / 5)
            if bearable < limit.0 { limit = (bearable, .lowered) }
        }
        if let order, group.order == .drain {
            let elapsed = order.since.duration(to: fleet) / .seconds(1)
            let left = max(0, 1_000 - 100 * Int(max(0, min(elapsed, 10))))
            if left < limit.0 { limit = (left, .drained) }
        }
        if group.order == .hold, let held = group.held, held < limit.0 { limit = (held, .frozen) }
        return limit
    }

    private mutating func shareOut(_ around: Surroundings, _ fleet: MonotonicInstant) {
        var left = 1_000
        for place in self.groups.indices {
            let (limit, cause) = self.limit(place, around, fleet)
            self.groups[place].held = limit
            let isRegular = self.groups[place].region != nil
            let share = isRegular ? left * limit / 1_000 : 0
            let takesMore = left < 1_000 && share > 0 || self.groups[place].overflowEnd != nil
            self.groups[place].cause = takesMore && cause == .usual ? .spilled : cause
            self.groups[place].share = share
            left -= share
        }
        guard left > 0, let place = self.lastResort(around, fleet) else { return }
        let (share, cause) = (self.groups[place].share, self.groups[place].cause)
        self.groups[place].share += left
        if share == 0, cause != .usual {
            self.groups[place].cause =
                self.policy.spill == .off && self.groups.count > 1 ? .kept : .onlyOne
        }
        if share == 0, cause == .usual, left < 1_000 { self.groups[place].cause = .spilled }
    }

    /// Who takes what nobody wants: who serves, before failover targets, before who waits, before who
    /// is drained; nobody has a target in use: the first.
    private func lastResort(_ around: Surroundings, _ fleet: MonotonicInstant) -> Int? {
        let isAway = { (place: Int) in
            self.groups[place].order == .failover || self.groups[place].order == .drain
        }
        let there = self.groups.indices.filter { self.groups[$0].usable > 0 }
        let serving = there.filter { self.groups[$0].standing.stage == .serving && !isAway($0) }
        return serving.first { self.groups[$0].region != nil } ?? serving.first
            ?? there.first { !isAway($0) } ?? there.first ?? self.groups.indices.first
    }

    private func nextLook(
        _ around: Surroundings,
        _ fleet: MonotonicInstant,
        at now: MonotonicInstant
    ) -> MonotonicInstant? {
        var next: MonotonicInstant?
        let note = { (moment: MonotonicInstant) in
            let future = max(moment, now.advanced(by: .milliseconds(10)))
            next = min(next ?? future, future)
        }
        for place in self.groups.indices {
            let group = self.groups[place]
            if let end = group.overflowEnd { note(end) }
            if case .returning = group.standing.stage {
                let pace = max(.milliseconds(100), min(self.policy.ramp / 100, .seconds(1)))
                note(now.advanced(by: pace))
            }
            if let end = group.standing.holdEnd(self.policy) {
                // When it is over and something else is waited for, that is looked at each second.
                note(end > now ? end : now.advanced(by: .seconds(1)))
            }
            if group.order == .drain, group.share > 0 { note(now.advanced(by: .seconds(1))) }
        }
        for order in around.orders where order.until > fleet {
            guard self.groups.contains(where: { $0.region == order.region }) else { continue }
            note(now.advanced(by: fleet.duration(to: max(order.until, order.since))))
            if order.since > fleet { note(now.advanced(by: fleet.duration(to: order.since))) }
        }
        return next
    }
}
