public import MeshPrimitives

/// Which region's targets each upstream prefers now, from the share of its weight that each target
/// gets.
///
/// Pure. An input costs what it touches: a target's share changes a count, and only upstreams that
/// wait for the end of a hold are looked at by time.
public struct RegionMachine: Sendable {
    /// One upstream with targets in more than one group.
    public struct Upstream: Sendable {
        /// Its name.
        public var name: String
        /// The region of each group, best first; `nil` for failover targets.
        public var regions: [String?]
        /// How long a region that failed must be alive before it goes first again.
        public var hold: Duration
        /// The targets that take traffic, with their groups.
        public var targets: [(id: TargetID, group: Int)]

        /// Creates one.
        public init(
            name: String,
            regions: [String?],
            hold: Duration,
            targets: [(id: TargetID, group: Int)]
        ) {
            self.name = name
            self.regions = regions
            self.hold = hold
            self.targets = targets
        }
    }

    /// What the shell must do next, in array order.
    public enum Effect: Equatable, Sendable {
        /// Tell the workers which group of an upstream goes first.
        case active(upstream: String, group: Int)
        /// The preference has changed, for people; `nil` for failover targets.
        case moved(upstream: String, region: String?)
        /// Call ``RegionMachine/wake(at:)`` no earlier than this; a newer wake replaces an older one.
        case wake(at: MonotonicInstant)
    }

    private struct State: Sendable {
        var regions: [String?]
        var eligible: [Int]
        var preference: RegionPreference
    }

    private var states: [String: State] = [:]
    private var places: [TargetID: (upstream: String, group: Int)] = [:]
    /// Targets that get nothing.
    private var excluded: Set<TargetID> = []
    /// Upstreams in which a better region waits for the end of its hold.
    private var waiting: Set<String> = []

    /// Creates a machine without upstreams.
    public init() {}

    /// The region that goes first, by upstream; none for failover targets.
    public var activeRegions: [String: String] {
        self.states.compactMapValues { state in
            let group = state.preference.activeGroup
            return state.regions.indices.contains(group) ? state.regions[group] : nil
        }
    }

    /// Replaces the upstreams.
    ///
    /// What is known of regions stays, in whatever order they come now, and a changed hold counts at
    /// once. Linear in the number of targets.
    public mutating func configure(
        _ upstreams: [Upstream],
        at now: MonotonicInstant
    ) -> [Effect] {
        let before = self.states
        self.states = [:]
        self.places = [:]
        for upstream in upstreams where upstream.regions.count > 1 {
            for target in upstream.targets where upstream.regions.indices.contains(target.group) {
                self.places[target.id] = (upstream.name, target.group)
            }
            var preference = RegionPreference(
                groupCount: upstream.regions.count,
                hold: upstream.hold
            )
            if let known = before[upstream.name] {
                let places = upstream.regions.map { known.regions.firstIndex(of: $0) }
                preference.takeOver(known.preference, places: places)
            }
            self.states[upstream.name] = State(
                regions: upstream.regions,
                eligible: Array(repeating: 0, count: upstream.regions.count),
                preference: preference
            )
        }
        self.excluded.formIntersection(self.places.keys)
        for (id, place) in self.places where !self.excluded.contains(id) {
            self.states[place.upstream]?.eligible[place.group] += 1
        }
        self.waiting.formIntersection(self.states.keys)
        var effects: [Effect] = []
        for name in self.states.keys.sorted() {
            let group = before[name]?.preference.activeGroup
            let region = group.flatMap { before[name]?.regions[$0] }
            self.update(name, at: now)
            guard let state = self.states[name] else { continue }
            let active = state.preference.activeGroup
            effects.append(.active(upstream: name, group: active))
            if group != nil, state.regions[active] != region {
                effects.append(.moved(upstream: name, region: state.regions[active]))
            }
        }
        self.addWake(to: &effects)
        return effects
    }

    /// Takes in what share of its weight a target gets; others' targets are ignored.
    public mutating func setFactor(
        _ factor: Float,
        of id: TargetID,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard let place = self.places[id] else { return [] }
        let isChange =
            factor > 0
            ? self.excluded.remove(id) != nil : self.excluded.insert(id).inserted
        guard isChange else { return [] }
        self.states[place.upstream]?.eligible[place.group] += factor > 0 ? 1 : -1
        var effects: [Effect] = []
        self.tell(place.upstream, into: &effects, at: now)
        self.addWake(to: &effects)
        return effects
    }

    /// Moves on every upstream in which a hold is over; early and spurious wakes are harmless.
    public mutating func wake(at now: MonotonicInstant) -> [Effect] {
        var effects: [Effect] = []
        for name in self.waiting.sorted() { self.tell(name, into: &effects, at: now) }
        self.addWake(to: &effects)
        return effects
    }

    private mutating func tell(
        _ name: String,
        into effects: inout [Effect],
        at now: MonotonicInstant
    ) {
        let before = self.states[name]?.preference.activeGroup
        self.update(name, at: now)
        guard let state = self.states[name] else { return }
        let group = state.preference.activeGroup
        guard group != before else { return }
        effects.append(.active(upstream: name, group: group))
        effects.append(.moved(upstream: name, region: state.regions[group]))
    }

    private mutating func update(_ name: String, at now: MonotonicInstant) {
        guard let eligible = self.states[name]?.eligible.map({ $0 > 0 }) else { return }
        _ = self.states[name]?.preference.update(eligibleByGroup: eligible, at: now)
        if self.states[name]?.preference.nextWake == nil {
            self.waiting.remove(name)
        } else {
            self.waiting.insert(name)
        }
    }

    private func addWake(to effects: inout [Effect]) {
        let next = self.waiting.compactMap { self.states[$0]?.preference.nextWake }.min()
        if let next { effects.append(.wake(at: next)) }
    }
}
