import MeshDissemination
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshWire
import NIOCore

extension ClusterLoop {
    /// Takes one step of the observations and carries out its effects.
    ///
    /// Nothing here waits: not for the disk, not for a configuration.
    func stepObservations(
        _ step: (inout ObservationTable, MonotonicInstant) -> [ObservationTable.Effect]
    ) {
        for effect in step(&self.observations, LoopClock.now()) { self.perform(effect) }
    }

    /// Says whether this node takes traffic.
    func setMode(_ mode: NodeMode) {
        self.mode = mode
        self.stepMembership { $0.setMode(mode, at: $1) }
    }

    /// Tells the observations who is there, when that has changed.
    func observationPeersChanged() {
        let peers = self.membership.members
            .filter { $0.state.isPresent && $0.id != self.node }
            .map { member in
                Peer(
                    id: member.id,
                    region: member.profile.region,
                    version: member.profile.protocolMaximum
                )
            }
        guard peers != self.observationPeers else { return }
        self.observationPeers = peers
        self.stepObservations { $0.setPeers(peers, at: $1) }
    }

    /// Says everything again under a higher boot number, since peers remember a higher one than this
    /// node's disk did.
    func observeAnew(boot: UInt64) {
        let old = self.observations
        self.observations = ObservationTable(
            configuration: self.configuration.observations,
            node: self.node,
            region: self.configuration.profile.region,
            boot: boot,
            generator: SeededGenerator(seed: self.configuration.seed ^ boot),
            at: LoopClock.now()
        )
        self.observationPeers = []
        self.observationPeersChanged()
        if let state = old.state(of: self.node) {
            self.stepObservations { $0.setState(state, at: $1) }
        }
        let votes = old.votes(of: self.node)
        self.stepObservations { $0.setVotes(votes, at: $1) }
        let returns = old.returns(of: self.node)
        self.stepObservations { $0.setReturns(returns, at: $1) }
    }

    /// What has changed since the last call, by owner.
    func takeObservationChanges() -> [NodeID: ObservationAspects] {
        defer { self.observationChanges = [:] }
        return self.observationChanges
    }

    private func perform(_ effect: ObservationTable.Effect) {
        switch effect {
        case .send(let message, let node, .datagram):
            guard let member = self.membership.member(node) else { return }
            self.send(.observations(message), to: member.profile.address)
        case .send(let message, let node, .stream):
            self.stream(.observations(message), to: node)
        case .changed(let owner, let aspects):
            self.observationChanges[owner, default: []].formUnion(aspects)
            self.observed.yield()
        case .wake(let instant): self.wakeObservations(at: instant)
        }
    }
}
