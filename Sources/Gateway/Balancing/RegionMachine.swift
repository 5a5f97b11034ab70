public import MeshPrimitives

/// How each upstream's traffic is shared out over regions, from the share of its weight that each
/// target gets, from orders, and from how a returning region does.
///
/// Pure. An input costs what it touches: a target's share changes a sum, and only upstreams in which
/// something is going on are looked at by time. Every rule holds without peers; what peers tell only
/// makes returns begin at the same moment everywhere.
public struct RegionMachine: Sendable {
    /// One upstream with targets in more than one group.
    public struct Upstream: Sendable {
        /// Its name.
        public var name: String
        /// The region of each group, best first; `nil` for failover targets.
        public var regions: [String?]
        /// When traffic leaves a region and how it returns.
        public var policy: RegionPolicy
        /// The targets that take traffic, with their groups and weights.
        public var targets: [(id: TargetID, group: Int, weight: Int)]

        /// Creates one.
        public init(
            name: String,
            regions: [String?],
            policy: RegionPolicy,
            targets: [(id: TargetID, group: Int, weight: Int)]
        ) {
            self.name = name
            self.regions = regions
            self.policy = policy
            self.targets = targets
        }
    }

    /// What the shell must do next, in array order.
    public enum Effect: Equatable, Sendable {
        /// Tell the workers which share of an upstream's traffic each group gets, in thousandths, and
        /// which groups take what the others have no room for.
        case shares(upstream: String, [UInt16], open: Set<Int>)
        /// Traffic has moved, for people.
        case moved(RegionMove)
        /// A region begins to take requests that another bears no more, or has taken none for
        /// ``RegionMachine/overflowSpan``, for people.
        case overflow(upstream: String, region: String?, isTaking: Bool)
        /// ``RegionMachine/returns`` says something new.
        case returnsChanged
        /// Call ``RegionMachine/wake(at:)`` no earlier than this; a newer wake replaces an older one.
        case wake(at: MonotonicInstant)
    }

    private struct Place: Sendable {
        let upstream: String
        let group: Int
        let weight: Int
    }

    /// For how long a region counts as taking what another bears no more: 30 s.
    public static let overflowSpan = Duration.seconds(30)

    private var states: [String: RegionShares] = [:]
    private var places: [TargetID: Place] = [:]
    /// Of each upstream.
    private var targets: [String: [TargetID]] = [:]
    /// Shares in thousandths of targets that get less than all.
    private var factors: [TargetID: Int] = [:]
    private var around = RegionShares.Surroundings()
    /// What is to be looked at by time.
    private var waiting: Set<String> = []
    private var peers: [NodeID: [UInt64: MonotonicInstant]] = [:]
    private var told: [RegionReturnID: MonotonicInstant] = [:]

    /// Creates a machine without upstreams.
    ///
    /// - Parameter fleetOffset: what to add to the times passed in for a clock that all nodes have
    ///   about in common.
    public init(fleetOffset: Duration = .zero) { self.around.fleetOffset = fleetOffset }

    /// Returns that run, by the fleet's clock, to tell the nodes of the own region.
    public var returns: [RegionReturnID: MonotonicInstant] { self.told }

    /// The region that gets most, by upstream; none for failover targets.
    public var activeRegions: [String: String] {
        self.states.compactMapValues { state in
            state.groups.max { $0.share < $1.share }?.region
        }
    }

    /// Every upstream with its regions as they stand.
    public func views(at now: MonotonicInstant) -> [String: [RegionView]] {
        self.states.mapValues { state in
            state.groups.map { RegionView($0, state.policy, at: now) }
        }
    }

    /// What orders would make of the shares; nothing changes.
    ///
    /// - Parameters:
    ///   - orders: in place of those that hold.
    ///   - now: the current moment.
    /// - Returns: the shares by upstream, as they will be when the orders have taken full effect.
    public func shares(under orders: [RegionOrder], at now: MonotonicInstant) -> [String: [Int]] {
        var around = self.around
        let fleet = now.advanced(by: around.fleetOffset)
        around.orders = orders.map { order in
            let kind: RegionOrder.Kind = order.kind == .drain ? .failover : order.kind
            return RegionOrder(
                kind,
                of: order.region,
                since: fleet,
                until: .init(nanoseconds: .max)
            )
        }
        return self.states.mapValues { state in
            var state = state
            state.settle(around, at: now)
            return state.groups.map(\.share)
        }
    }

    /// Replaces the upstreams.
    ///
    /// What is known of regions stays, in whatever order they come now, and a changed policy counts at
    /// once. Linear in the number of targets.
    public mutating func configure(
        _ upstreams: [Upstream],
        at now: MonotonicInstant
    ) -> [Effect] {
        let wanted = Set(upstreams.lazy.map(\.name))
        let gone = self.states.keys.filter { !wanted.contains($0) }
        return self.configure(changed: upstreams, gone: gone, at: now)
    }

    /// Takes over what has changed of the upstreams; the rest stays as it is.
    ///
    /// Linear in the number of these upstreams' targets.
    ///
    /// - Parameters:
    ///   - upstreams: those that have changed, whole.
    ///   - gone: the names of those that are no more, or in one group only now.
    ///   - now: the current moment.
    /// - Returns: what the shell must do next.
    public mutating func configure(
        changed upstreams: [Upstream],
        gone: [String],
        at now: MonotonicInstant
    ) -> [Effect] {
        let before = self.take(gone + upstreams.lazy.map(\.name))
        for upstream in upstreams where upstream.regions.count > 1 {
            var state = RegionShares(
                policy: upstream.policy,
                regions: upstream.regions,
                at: now
            )
            let known = before.states[upstream.name]
            for place in state.groups.indices {
                let region = state.groups[place].region
                guard let old = known?.groups.first(where: { $0.region == region }) else {
                    continue
                }
                state.groups[place].standing = old.standing
                state.groups[place].traffic = old.traffic
                state.groups[place].order = old.order
                state.groups[place].held = old.held
                state.groups[place].share = old.share
                state.groups[place].cause = old.cause
                state.groups[place].causeSince = old.causeSince
                state.groups[place].toldShare = old.toldShare
                state.groups[place].overflowEnd = old.overflowEnd
            }
            for target in upstream.targets where upstream.regions.indices.contains(target.group) {
                let weight = max(1, min(target.weight, 65_535))
                let place = Place(upstream: upstream.name, group: target.group, weight: weight)
                guard self.places.updateValue(place, forKey: target.id) == nil else { continue }
                state.groups[target.group].weight += weight
                state.groups[target.group].usable += weight * (self.factors[target.id] ?? 1_000)
            }
            self.states[upstream.name] = state
            self.targets[upstream.name] = upstream.targets.map(\.id)
        }
        for id in before.targets where self.places[id] == nil { self.factors[id] = nil }
        let names = upstreams.map(\.name).filter { self.states[$0] != nil }
        self.spreadReturns(to: names)
        var effects: [Effect] = []
        for (name, state) in before.states.sorted(by: { $0.key < $1.key }) {
            let regions = self.states[name]?.groups.map(\.region) ?? []
            for group in state.groups
            where group.overflowEnd != nil && !regions.contains(group.region) {
                effects.append(.overflow(upstream: name, region: group.region, isTaking: false))
            }
        }
        for name in Set(names).sorted() {
            let isNew = before.states[name] == nil
            self.tell(name, isNew: isNew, into: &effects, at: now, always: true)
        }
        self.finish(into: &effects)
        return effects
    }

    /// Takes upstreams out.
    private mutating func take(
        _ names: [String]
    ) -> (states: [String: RegionShares], targets: [TargetID]) {
        var states: [String: RegionShares] = [:]
        var targets: [TargetID] = []
        for name in names {
            guard let state = self.states.removeValue(forKey: name) else { continue }
            states[name] = state
            self.waiting.remove(name)
            for id in self.targets.removeValue(forKey: name) ?? []
            where self.places[id]?.upstream == name {
                self.places[id] = nil
                targets.append(id)
            }
        }
        return (states, targets)
    }

    /// Takes in what share of its weight a target gets; others' targets are ignored.
    public mutating func setFactor(
        _ factor: Float,
        of id: TargetID,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard let place = self.places[id] else { return [] }
        let share = Int((max(0, min(1, factor)) * 1_000).rounded(.up))
        let before = self.factors[id] ?? 1_000
        guard share != before else { return [] }
        self.factors[id] = share == 1_000 ? nil : share
        self.states[place.upstream]?.groups[place.group].usable += place.weight * (share - before)
        var effects: [Effect] = []
        self.tell(place.upstream, into: &effects, at: now)
        self.finish(into: &effects)
        return effects
    }

    /// Takes in what was seen of traffic, by which a returning region is compared, and which regions
    /// take what others bear no more.
    public mutating func observe(
        _ traffic: [TargetTraffic],
        at now: MonotonicInstant
    ) -> [Effect] {
        var effects: [Effect] = []
        for seen in traffic {
            guard let place = self.places[seen.id],
                let group = self.states[place.upstream]?.groups[place.group]
            else { continue }
            self.states[place.upstream]?.groups[place.group].traffic.add(seen, at: now)
            guard seen.overflows > 0 else { continue }
            self.states[place.upstream]?.groups[place.group].overflowEnd =
                now.advanced(by: Self.overflowSpan)
            guard group.overflowEnd == nil else { continue }
            effects.append(
                .overflow(upstream: place.upstream, region: group.region, isTaking: true)
            )
            self.tell(place.upstream, into: &effects, at: now)
        }
        if !effects.isEmpty { self.finish(into: &effects) }
        return effects
    }

    /// Replaces the orders; those that are over do no harm.
    public mutating func setOrders(_ orders: [RegionOrder], at now: MonotonicInstant) -> [Effect] {
        guard orders != self.around.orders else { return [] }
        self.around.orders = orders
        return self.lookAtAll(at: now)
    }

    /// Says which regions' nodes are not plainly there, and whether this node is cut off: nothing
    /// returns then.
    public mutating func setDoubts(
        about regions: Set<String>,
        isIsolated: Bool,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard regions != self.around.doubtful || isIsolated != self.around.isIsolated else {
            return []
        }
        self.around.doubtful = regions
        self.around.isIsolated = isIsolated
        return self.lookAtAll(at: now)
    }

    /// Takes in the returns that a peer of the own region runs, by ``RegionReturnID/number``; they
    /// replace what it said before, and none forgets it.
    public mutating func setReturns(
        _ returns: [UInt64: MonotonicInstant],
        of peer: NodeID,
        at now: MonotonicInstant
    ) -> [Effect] {
        guard self.peers[peer] ?? [:] != returns else { return [] }
        self.peers[peer] = returns.isEmpty ? nil : returns
        self.spreadReturns(to: Array(self.states.keys))
        return self.lookAtAll(at: now)
    }

    /// Moves on every upstream in which something is due; early and spurious wakes are harmless.
    public mutating func wake(at now: MonotonicInstant) -> [Effect] {
        var effects: [Effect] = []
        for name in self.waiting.sorted() {
            guard let next = self.states[name]?.next, next <= now else { continue }
            self.tell(name, into: &effects, at: now)
        }
        self.finish(into: &effects)
        return effects
    }

    private mutating func lookAtAll(at now: MonotonicInstant) -> [Effect] {
        var effects: [Effect] = []
        for name in self.states.keys.sorted() { self.tell(name, into: &effects, at: now) }
        self.finish(into: &effects)
        return effects
    }

    private mutating func spreadReturns(to names: [String]) {
        for name in names {
            guard let state = self.states[name] else { continue }
            for (place, group) in state.groups.enumerated() {
                let id = RegionReturnID(upstream: name, region: group.region ?? "").number
                self.states[name]?.returns[place] = self.peers.values.compactMap { $0[id] }
            }
        }
    }

    private mutating func tell(
        _ name: String,
        isNew: Bool = false,
        into effects: inout [Effect],
        at now: MonotonicInstant,
        always: Bool = false
    ) {
        guard let before = self.states[name],
            let hasMoved = self.states[name]?.update(self.around, at: now),
            let state = self.states[name]
        else { return }
        let isChanged = hasMoved || before.openGroups != state.openGroups
        if state.next == nil { self.waiting.remove(name) } else { self.waiting.insert(name) }
        if isChanged || always {
            effects.append(
                .shares(
                    upstream: name,
                    state.groups.map { UInt16(clamping: $0.share) },
                    open: state.openGroups
                )
            )
        }
        let move = isChanged && !isNew ? RegionMove(name, from: before, to: state) : nil
        if let move { effects.append(.moved(move)) }
        if isNew || move != nil { self.states[name]?.noteTold() }
        for (old, new) in zip(before.groups, state.groups)
        where old.overflowEnd != nil && new.overflowEnd == nil {
            effects.append(.overflow(upstream: name, region: new.region, isTaking: false))
        }
        for group in state.groups {
            let id = RegionReturnID(upstream: name, region: group.region ?? "")
            guard self.told[id] != group.standing.start else { continue }
            self.told[id] = group.standing.start
            if effects.last != .returnsChanged { effects.append(.returnsChanged) }
        }
    }

    private mutating func finish(into effects: inout [Effect]) {
        let gone = self.told.keys.filter { id in self.states[id.upstream] == nil }
        for id in gone { self.told[id] = nil }
        if !gone.isEmpty { effects.append(.returnsChanged) }
        let next = self.waiting.compactMap { self.states[$0]?.next }.min()
        if let next { effects.append(.wake(at: next)) }
    }
}

/// The return of one upstream's traffic to one region.
public struct RegionReturnID: Hashable, Sendable {
    /// The upstream's name.
    public let upstream: String
    /// The region's name; empty for failover targets.
    public let region: String

    /// Creates an identity.
    public init(upstream: String, region: String) {
        self.upstream = upstream
        self.region = region
    }

    /// The number by which nodes name it to each other.
    public var number: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in "\(self.upstream)|\(self.region)".utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        return SeededGenerator.mix(hash)
    }
}
