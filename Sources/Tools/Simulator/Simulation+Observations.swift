import MeshDissemination
import MeshMembership
import MeshObservations
import MeshPrimitives

/// Carries out what the observations decide, and lets nodes see things.
extension Simulation {
    /// How many different targets are voted on: 8.
    static let targetCount = 8

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
        self.nodes[index].observers = peers
        self.stepObservations(index) { table, now in table.setPeers(peers, at: now) }
    }

    /// Lets a random running node change its state, its votes, or what it sees of regions.
    mutating func see() {
        let pause = self.now.advanced(by: .milliseconds(300))
        if pause < Self.instant(self.profile.faultSeconds) { self.queue.push(.see, at: pause) }
        let index = self.sights.next(below: self.nodes.count)
        let kind = self.sights.next(below: 4)
        let number = self.sights.next()
        guard self.nodes[index].isRunning, !self.nodes[index].isLeaving,
            self.nodes[index].pausedUntil <= self.now
        else { return }
        if kind == 0 {
            var state = NodeState()
            state.generation = number >> 40
            self.stepObservations(index) { table, now in table.setState(state, at: now) }
        } else {
            var votes = ObserverVotes()
            for target in 0..<UInt64(Self.targetCount) where number >> target & 1 == 1 {
                let stance: TargetVote.Stance = number >> (target + 8) & 1 == 1 ? .down : .suspect
                let isChecker = (target + UInt64(index)) % 2 == 0
                votes.votes[TargetID(rawValue: target)] = TargetVote(
                    stance: stance,
                    reason: 2,
                    isChecker: isChecker
                )
            }
            self.nodes[index].votes = votes
            self.stepObservations(index) { table, now in table.setVotes(votes, at: now) }
        }
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
        case .changed: break
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
        for number in 0..<UInt64(Simulation.targetCount) {
            let target = TargetID(rawValue: number)
            let against = near.count { $0.votes.votes[target] != nil }
            let heard = near.count { node in
                node.index == observer.index
                    ? node.votes.votes[target] != nil
                    : table.votes(of: node.id).votes[target] != nil
            }
            // Who does not check may keep silent while enough others speak.
            let enough = min(against, ObservationConfiguration().voteRedundancy)
            guard heard > against || heard < enough else { continue }
            let unheard = near.filter { node in
                node.votes.votes[target] != nil && node.index != observer.index
                    && table.votes(of: node.id).votes[target] == nil
            }.map { node in
                let isSaid = node.observations?.votes(of: node.id).votes[target] != nil
                return "node \(node.index)\(isSaid ? "" : ", which keeps it to itself")"
            }
            return "hears \(heard) of its region speak against target \(number); \(against) do; "
                + "not \(unheard.joined(separator: "; "))"
        }
        return nil
    }
}
