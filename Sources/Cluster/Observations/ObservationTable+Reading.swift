internal import MeshDissemination
public import MeshPrimitives

/// What is believed now.
extension ObservationTable {
    /// What a node says of itself; `nil` while it has not been heard.
    ///
    /// Of a node that is there it is believed at any age.
    public func state(of owner: NodeID) -> NodeState? {
        guard case .state(let state) = self.log(of: owner)?.values[.state]?.observation else {
            return nil
        }
        return state
    }

    /// How busy a node was when it was last heard.
    public func load(of owner: NodeID) -> NodeLoad? {
        if owner == self.node { return self.ownLoad }
        guard case .load(let load) = self.log(of: owner)?.values[.load]?.observation else {
            return nil
        }
        return load
    }

    /// What a node says of targets: in the own region its votes, of another its region's.
    ///
    /// Two relays of a region that both speak against a target stand for two observers at least: the
    /// first relay tells of targets against which one node speaks, the second only of those against
    /// which two do.
    public func votes(of owner: NodeID) -> ObserverVotes {
        var result = ObserverVotes()
        guard let log = self.freshLog(of: owner) else { return result }
        let isNear = owner == self.node || self.sampler[owner]?.region == self.sampler.region
        if isNear, log.values[.abstaining]?.observation == .abstaining(true) {
            result.isAbstaining = true
        }
        for entry in log.values.values {
            switch entry.observation {
            case .vote(let target, let vote?) where isNear: result.votes[target] = vote
            case .regionVote(let target, let sum?) where !isNear:
                result.votes[target] = TargetVote(
                    stance: sum.stance,
                    reason: sum.reason,
                    isChecker: false,
                    failures: sum.against
                )
            default: continue
            }
        }
        return result
    }

    /// What relays see of regions, as far as it is fresh; by relay.
    public var regionSummaries: [RegionSummary] {
        let owners = self.sampler.ids.sorted() + [self.node]
        return owners.flatMap { owner -> [RegionSummary] in
            guard
                case .regions(let regions) = self.freshLog(of: owner)?.values[.regions]?
                    .observation
            else { return [] }
            return regions
        }
    }

    /// Which returns to regions a node of the own region runs, as far as its word is fresh.
    public func returns(of owner: NodeID) -> [RegionReturn] {
        guard case .returns(let returns) = self.freshLog(of: owner)?.values[.returns]?.observation
        else { return [] }
        return returns
    }

    /// Nodes that are there and have been heard, this one included.
    public var owners: [NodeID] {
        ([self.node] + self.sampler.ids.filter { self.rows[$0] != nil }).sorted()
    }

    /// How long ago a node's word was last renewed here; `nil` while it has not been heard.
    public func age(of owner: NodeID, at now: MonotonicInstant) -> Duration? {
        if owner == self.node { return .zero }
        return self.rows[owner]?.receivedAt.duration(to: now)
    }

    func log(of owner: NodeID) -> ObservationLog? {
        if owner == self.node { return self.own }
        return self.sampler[owner] == nil ? nil : self.rows[owner]?.log
    }

    func vote(of owner: NodeID, on target: TargetID) -> TargetVote? {
        guard case .vote(_, let vote) = self.rows[owner]?.log.values[.vote(target)]?.observation
        else { return nil }
        return vote
    }

    private func freshLog(of owner: NodeID) -> ObservationLog? {
        if owner == self.node { return self.own }
        guard self.sampler[owner] != nil, let row = self.rows[owner], !row.isStale else {
            return nil
        }
        return row.log
    }

    /// How far `owner`'s word may be told to `peer`; `nil` when the peer's region knows better.
    func scope(of owner: NodeID, towards peer: Peer) -> ObservationScope? {
        let home = owner == self.node ? self.sampler.region : self.sampler[owner]?.region
        guard let home else { return nil }
        guard home == peer.region else { return .mesh }
        return home == self.sampler.region ? .region : nil
    }
}
