public import MeshObservations
public import MeshPrimitives

/// What this node observes and what others do.
///
/// Saying something returns at once and never waits for the disk or for a configuration.
extension ClusterService {
    /// A node as it was last heard.
    public struct ObservedNode: Sendable {
        /// What it says of itself.
        public let state: NodeState
        /// How busy it was.
        public let load: NodeLoad
    }

    /// Sets what this node says of itself; told at once when it changed.
    public func setState(_ state: NodeState) {
        self.perform { loop in loop.stepObservations { $0.setState(state, at: $1) } }
    }

    /// Sets whether this node takes traffic; told with its signed record.
    public func setMode(_ mode: NodeMode) { self.perform { $0.setMode(mode) } }

    /// Sets how busy this node is; told with the next renewal.
    public func setLoad(_ load: NodeLoad) {
        self.perform { $0.observations.setLoad(load) }
    }

    /// Sets all that this node says of targets that are not plainly up.
    public func setVotes(_ votes: ObserverVotes) {
        self.perform { loop in loop.stepObservations { $0.setVotes(votes, at: $1) } }
    }

    /// Sets what this node sees of regions as a relay; none when it is not one.
    public func setRegions(_ regions: [RegionSummary]) {
        self.perform { loop in loop.stepObservations { $0.setRegions(regions, at: $1) } }
    }

    /// Sets which returns of traffic to regions this node runs.
    public func setReturns(_ returns: [RegionReturn]) {
        self.perform { loop in loop.stepObservations { $0.setReturns(returns, at: $1) } }
    }

    /// Which returns to regions a node of the own region runs.
    public func returns(of owner: NodeID) async -> [RegionReturn] {
        await self.submit { $0.observations.returns(of: owner) } ?? []
    }

    /// Whose word has changed since the last call, and in what; read it anew.
    ///
    /// After each element of ``observed``. Nothing is lost when several changes count once.
    public func takeObservationChanges() async -> [NodeID: ObservationAspects] {
        await self.submit { $0.takeObservationChanges() } ?? [:]
    }

    /// Every node that is there and has spoken, this one included.
    public func observedNodes() async -> [NodeID: ObservedNode] {
        await self.submit { loop in
            var nodes: [NodeID: ObservedNode] = [:]
            for owner in loop.observations.owners {
                guard let state = loop.observations.state(of: owner) else { continue }
                let load = loop.observations.load(of: owner) ?? .idle
                nodes[owner] = ObservedNode(state: state, load: load)
            }
            return nodes
        } ?? [:]
    }

    /// What a node says of targets, or of another region: what its region says.
    public func votes(of owner: NodeID) async -> ObserverVotes {
        await self.submit { $0.observations.votes(of: owner) } ?? ObserverVotes()
    }

    /// What relays see of regions, as far as it is fresh.
    public func regionSummaries() async -> [RegionSummary] {
        await self.submit { $0.observations.regionSummaries } ?? []
    }
}
