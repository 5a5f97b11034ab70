public import MeshPrimitives

/// Which group of one upstream's targets goes first: leaves a dead region at once, returns slowly.
///
/// Pure. Feed the returned group to ``Balancer/setActiveGroup(_:)``.
///
///     group 0 --no eligible target--> first other group that has one
///        ^------ alive for `hold` without a break ------'
///
/// A region that flaps faster than `hold` does not go first; its targets still serve when nothing
/// else does.
public struct RegionPreference: Equatable, Sendable {
    /// The group that goes first now.
    public private(set) var activeGroup = 0

    private let hold: Duration
    /// Since when each group has had an eligible target without a break; `nil` while it has none.
    private var aliveSince: [MonotonicInstant?]

    /// Creates a preference for group 0, taking every group for alive.
    ///
    /// - Parameters:
    ///   - groupCount: how many groups there are.
    ///   - hold: how long a group that failed must be alive before it goes first again (our key
    ///     `regions.hold`, default 60 s).
    public init(groupCount: Int, hold: Duration) {
        self.hold = hold
        self.aliveSince = Array(
            repeating: MonotonicInstant(nanoseconds: .min),
            count: max(0, groupCount)
        )
    }

    /// Takes over what another preference knows of the same groups in another order.
    ///
    /// - Parameters:
    ///   - known: the one before.
    ///   - places: for each group of this one, its place in `known`; `nil` for a new group.
    public mutating func takeOver(_ known: RegionPreference, places: [Int?]) {
        for (group, place) in places.enumerated() where group < self.aliveSince.count {
            guard let place, place < known.aliveSince.count else { continue }
            self.aliveSince[group] = known.aliveSince[place]
            if place == known.activeGroup { self.activeGroup = group }
        }
    }

    /// Takes in which groups have an eligible target.
    ///
    /// - Parameters:
    ///   - eligibleByGroup: one value per group; a missing one means no target.
    ///   - now: the time of the change.
    /// - Returns: the new active group when it changes. Call ``wake(at:)`` at ``nextWake``.
    public mutating func update(
        eligibleByGroup: [Bool],
        at now: MonotonicInstant
    ) -> Int? {
        for group in self.aliveSince.indices {
            if group >= eligibleByGroup.count || !eligibleByGroup[group] {
                self.aliveSince[group] = nil
            } else if self.aliveSince[group] == nil {
                self.aliveSince[group] = now
            }
        }
        return self.wake(at: now)
    }

    /// Moves on when a group's hold is over; early and spurious wakes are harmless.
    ///
    /// - Returns: the new active group when it changes.
    public mutating func wake(at now: MonotonicInstant) -> Int? {
        guard let group = self.choice(at: now), group != self.activeGroup else { return nil }
        self.activeGroup = group
        return group
    }

    /// When a better group's hold ends; `nil` when no time matters.
    public var nextWake: MonotonicInstant? {
        self.aliveSince.prefix(self.activeGroup).compactMap { since in
            since.map { self.end(ofHoldSince: $0) }
        }.min()
    }

    private func choice(at now: MonotonicInstant) -> Int? {
        let settled = self.aliveSince.firstIndex { since in
            since.map { self.end(ofHoldSince: $0) <= now } ?? false
        }
        let isActiveAlive =
            self.activeGroup < self.aliveSince.count && self.aliveSince[self.activeGroup] != nil
        guard isActiveAlive else {
            return settled ?? self.aliveSince.firstIndex { $0 != nil }
        }
        return settled.map { min($0, self.activeGroup) }
    }

    private func end(ofHoldSince since: MonotonicInstant) -> MonotonicInstant {
        since.nanoseconds == .min ? since : since.advanced(by: self.hold)
    }
}
