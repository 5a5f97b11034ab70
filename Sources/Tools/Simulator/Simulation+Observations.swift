import MeshDissemination
import MeshHealth
import MeshMembership
import MeshObservations
import MeshPrimitives

/// Carries out what the observations decide, and lets something happen that is told.
extension Simulation {
    /// Gives one input to a node's observations and carries out the effects.
    mutating func stepObservations(
        _ index: Int,
        _ input: (inout ObservationTable, MonotonicInstant) -> [ObservationTable.Effect]
    ) {
        guard var table = self.nodes[index].observations else { return }
        self.inputCount += 1
        self.nodes[index].observations = nil
        let effects = input(&table, self.time(at: index))
        self.nodes[index].observations = table
        for effect in effects { self.perform(effect, at: index) }
    }

    /// Tells a node's observations who is there.
    mutating func setObservers(of index: Int) {
        guard let membership = self.nodes[index].membership else { return }
        let own = self.nodes[index].id
        let peers = membership.members.filter { $0.state.isPresent && $0.id != own }.map {
            Peer(id: $0.id, region: $0.profile.region)
        }
        guard peers != self.nodes[index].observers else { return }
        let before = self.nodes[index].observers.map(\.id)
        self.nodes[index].observers = peers
        self.stepObservations(index) { table, now in table.setPeers(peers, at: now) }
        let checker = HealthPeer(id: own, region: self.nodes[index].profile.region)
        let checkers = peers.map { HealthPeer(id: $0.id, region: $0.region) } + [checker]
        self.stepHealth(index) { $0.setPeers(checkers, at: $1) }
        // What one said before it was among them was not taken.
        for peer in Set(peers.map(\.id)).subtracting(before).sorted() {
            self.hear([.votes, .regions], of: peer, at: index)
        }
    }

    /// How the observations of a node are tuned.
    var observationConfiguration: ObservationConfiguration {
        var configuration = ObservationConfiguration()
        self.mutant?.spoil(&configuration)
        return configuration
    }

    /// Lets a node say everything again under a higher boot number, since peers remember a higher one than
    /// its disk did.
    mutating func observeAnew(_ index: Int, boot: UInt64) {
        let node = self.nodes[index]
        guard let old = node.observations else { return }
        self.nodes[index].observations = ObservationTable(
            configuration: self.observationConfiguration,
            node: node.id,
            region: node.profile.region,
            boot: boot,
            generator: self.boots.split(),
            at: self.time(at: index)
        )
        self.nodes[index].observers = []
        self.setObservers(of: index)
        if let state = old.state(of: node.id) {
            self.stepObservations(index) { table, now in table.setState(state, at: now) }
        }
        self.stepObservations(index) { table, now in table.setVotes(node.votes, at: now) }
        let returns = old.returns(of: node.id)
        self.stepObservations(index) { table, now in table.setReturns(returns, at: now) }
    }

    /// Lets a random running node change its state, or targets fail and recover, and all send requests.
    mutating func see() {
        self.queue.push(.see, at: self.now.advanced(by: .milliseconds(300)))
        self.sendRequests()
        guard self.now < Self.instant(self.profile.faultSeconds) else { return }
        let index = self.sights.next(below: self.nodes.count)
        let kind = self.sights.next(below: 8)
        let number = self.sights.next()
        guard kind > 0 else { return self.targets.change() }
        guard kind > 3, self.nodes[index].isRunning, !self.nodes[index].isLeaving,
            self.nodes[index].pausedUntil <= self.now
        else { return }
        var state = NodeState()
        state.generation = number >> 40
        self.stepObservations(index) { table, now in table.setState(state, at: now) }
    }

    private mutating func perform(_ effect: ObservationTable.Effect, at index: Int) {
        switch effect {
        case .send(let message, let peer, let path):
            guard let receiver = self.nodes.first(where: { $0.id == peer }) else { return }
            guard self.bug != .deafToObservations || self.now < Self.instant(5) else { return }
            switch path {
            case .datagram:
                self.datagram(.observations(message), from: index, to: receiver.profile.address)
            case .stream: self.stream(.observations(message), from: index, to: receiver.index)
            }
        case .changed(let owner, let aspects): self.hear(aspects, of: owner, at: index)
        case .wake(let instant):
            self.nodes[index].observationWake += 1
            let number = self.nodes[index].observationWake
            self.queue.push(
                .wakeObservations(index, number: number),
                at: self.moment(instant, at: index)
            )
        }
    }
}

/// Checks that all believe of each other what each says, once it is quiet.
enum ObservationChecker {
    /// Judges the tables of the nodes that run.
    static func check(_ nodes: [SimulatedNode], at now: MonotonicInstant) -> Violation? {
        for observer in nodes {
            guard let table = observer.observations else { continue }
            if let text = Self.fault(of: table, observer, nodes) {
                return Violation(
                    promise: .equalObservations,
                    at: now,
                    text: "node \(observer.index) \(text)"
                )
            }
        }
        return nil
    }

    private static func fault(
        of table: ObservationTable,
        _ observer: SimulatedNode,
        _ nodes: [SimulatedNode]
    ) -> String? {
        for owner in nodes
        where table.state(of: owner.id) != owner.observations?.state(of: owner.id) {
            let said = owner.observations?.state(of: owner.id)?.generation
            let believed = table.state(of: owner.id)?.generation
            return "believes another state of node \(owner.index) than it says: "
                + "\(believed, default: "none") and not \(said, default: "none")"
        }
        let near = nodes.filter { $0.profile.region == observer.profile.region }
        for target in Set(near.flatMap(\.votes.votes.keys)).sorted() {
            let against = near.count { $0.votes.isAgainst(target) }
            let heard = near.count { node in
                node.index == observer.index
                    ? node.votes.isAgainst(target)
                    : table.votes(of: node.id).isAgainst(target)
            }
            // Who does not check may keep silent while enough others speak.
            let enough = min(against, ObservationConfiguration().voteRedundancy)
            guard heard > against || heard < enough else { continue }
            let unheard = near.filter { node in
                node.votes.isAgainst(target) && node.index != observer.index
                    && !table.votes(of: node.id).isAgainst(target)
            }.map { node in
                let isSaid = node.observations?.votes(of: node.id).isAgainst(target) ?? false
                return "node \(node.index)\(isSaid ? "" : ", which keeps it to itself")"
            }
            return "hears \(heard) of its region speak against target \(target); \(against) do; "
                + "not \(unheard.joined(separator: "; "))"
        }
        return nil
    }
}

extension ObserverVotes {
    fileprivate func isAgainst(_ target: TargetID) -> Bool {
        self.votes[target].map { $0.stance != .up } ?? false
    }
}
