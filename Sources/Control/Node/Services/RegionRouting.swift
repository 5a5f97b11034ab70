import MeshBalancing
import MeshDataPlane
import MeshEntities
import MeshPrimitives

/// Which region's targets one upstream prefers now, fed by the targets' factors.
struct RegionRouting: Sendable {
    let upstream: String
    private let regions: [String?]
    private let members: [[TargetID]]
    private var factors: [TargetID: Float] = [:]
    private var preference: RegionPreference

    /// Makes one routing per upstream with more than one group; those that stay keep their state.
    static func configure(
        _ upstreams: [SnapshotUpstream],
        keeping known: [String: RegionRouting]
    ) -> [String: RegionRouting] {
        var result: [String: RegionRouting] = [:]
        for upstream in upstreams where upstream.groups.count > 1 {
            result[upstream.name] = RegionRouting(upstream, keeping: known[upstream.name])
        }
        return result
    }

    private init(_ upstream: SnapshotUpstream, keeping known: RegionRouting?) {
        self.upstream = upstream.name
        self.regions = upstream.groups
        self.members = upstream.groups.indices.map { group in
            upstream.targets.filter { $0.group == group && $0.weight > 0 }.map(\.id)
        }
        let hold = Duration.seconds(upstream.settings?.regions.hold ?? 60)
        self.preference = RegionPreference(groupCount: upstream.groups.count, hold: hold)
        if let known, known.regions == self.regions {
            self.factors = known.factors
            self.preference = known.preference
        }
    }

    /// The group now preferred, for the data plane.
    var current: ActiveGroup {
        ActiveGroup(upstream: self.upstream, group: self.preference.activeGroup)
    }

    /// The region now preferred; `nil` when it is the group of failover targets.
    var activeRegion: String? {
        self.regions.indices.contains(self.preference.activeGroup)
            ? self.regions[self.preference.activeGroup] : nil
    }

    /// When ``settle(at:)`` could change something by time alone.
    var nextWake: MonotonicInstant? { self.preference.nextWake }

    /// Takes in a target's factor; others' targets are ignored.
    mutating func setFactor(_ factor: Float, of id: TargetID) {
        guard self.members.contains(where: { $0.contains(id) }) else { return }
        self.factors[id] = factor
    }

    /// Returns the new preference when it has changed.
    mutating func settle(at now: MonotonicInstant) -> ActiveGroup? {
        let eligible = self.members.map { group in
            group.contains { (self.factors[$0] ?? 1) > 0 }
        }
        let moved = self.preference.update(eligibleByGroup: eligible, at: now) != nil
        let returned = self.preference.wake(at: now) != nil
        return moved || returned ? self.current : nil
    }
}
