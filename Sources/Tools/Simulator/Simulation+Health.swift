import MeshActivation
import MeshBalancing
import MeshHealth
import MeshObservations
import MeshPrimitives

/// Carries out what the health and the region machines decide, and sends requests.
extension Simulation {
    /// Gives one input to a node's health machine and carries out the effects.
    mutating func stepHealth(
        _ index: Int,
        _ input: (inout HealthMachine, MonotonicInstant) -> [HealthMachine.Effect]
    ) {
        guard var health = self.nodes[index].health else { return }
        self.inputCount += 1
        self.nodes[index].health = nil
        let effects = input(&health.machine, self.time(at: index))
        self.nodes[index].health = health
        for effect in effects { self.perform(effect, at: index) }
    }

    /// Gives one input to a node's region machine and carries out the effects.
    mutating func stepRegions(
        _ index: Int,
        _ input: (inout RegionMachine, MonotonicInstant) -> [RegionMachine.Effect]
    ) {
        guard var health = self.nodes[index].health else { return }
        self.inputCount += 1
        self.nodes[index].health = nil
        let effects = input(&health.regions, self.time(at: index))
        self.nodes[index].health = health
        for effect in effects { self.perform(effect, at: index) }
    }

    /// Hands a node's machines the targets of what it has brought into use.
    mutating func configureHealth(_ index: Int, _ state: RoutedState) {
        let keys = Set(state.entities.map(\.key))
        self.nodes[index].health?.use(state.isEmpty ? [] : self.targets.used { keys.contains($0) })
        guard let upstreams = self.nodes[index].health?.upstreams else { return }
        self.stepRegions(index) { $0.configure([upstreams.regions], at: $1) }
        self.stepHealth(index) { $0.configure([upstreams.health], at: $1) }
    }

    /// Hands a node's machines what a peer says.
    mutating func hear(_ aspects: ObservationAspects, of owner: NodeID, at index: Int) {
        guard let table = self.nodes[index].observations, owner != self.nodes[index].id else {
            return
        }
        if !aspects.isDisjoint(with: [.votes, .state]), self.bug != .deafToVotes {
            let report = HealthReport(table.votes(of: owner))
            self.stepHealth(index) { $0.receive(report, from: owner, at: $1) }
        }
        if aspects.contains(.regions) {
            let starts = table.returns(of: owner).map { one in
                (one.number, MonotonicInstant(nanoseconds: Int64(one.start) * 1_000_000))
            }
            let returns = Dictionary(starts) { first, _ in first }
            self.stepRegions(index) { $0.setReturns(returns, of: owner, at: $1) }
        }
    }

    /// Lets every node send some requests, but for each fourth, which hears of targets by checks and by
    /// its peers alone.
    mutating func sendRequests() {
        for index in self.nodes.indices where index % 4 != 3 {
            guard self.nodes[index].isRunning, self.nodes[index].pausedUntil <= self.now,
                let seen = self.nodes[index].health?.requests(to: self.targets)
            else { continue }
            self.stepHealth(index) { $0.observe(seen, at: $1) }
        }
    }

    /// Ends a check; one whose node stood still meanwhile has run out of time.
    mutating func checked(_ index: Int, _ check: SimulatedCheck) {
        guard self.nodes[index].disk.bootCount == check.boot else { return }
        var outcome =
            self.targets.isFailing(check.request.id)
            ? ProbeResult.Outcome.connectFailed : .connected
        if check.asked.duration(to: self.now) > check.request.timeout { outcome = .timedOut }
        let result = ProbeResult(
            id: check.request.id,
            sequence: check.request.sequence,
            outcome: outcome,
            latency: .milliseconds(1)
        )
        self.stepHealth(index) { $0.finished(result, at: $1) }
    }

    /// Tells a node's peers what its machines say.
    mutating func publishHealth(_ index: Int) {
        self.nodes[index].health?.willPublish = false
        guard let health = self.nodes[index].health else { return }
        let votes = ObserverVotes(health.machine.report)
        self.nodes[index].votes = votes
        self.stepObservations(index) { table, now in table.setVotes(votes, at: now) }
        let returns = health.regions.returns.map { id, start in
            RegionReturn(number: id.number, start: UInt64(clamping: start.nanoseconds / 1_000_000))
        }.sorted { $0.number < $1.number }
        self.stepObservations(index) { table, now in table.setReturns(returns, at: now) }
    }

    private mutating func perform(_ effect: HealthMachine.Effect, at index: Int) {
        switch effect {
        case .probe(let request):
            let boot = self.nodes[index].disk.bootCount
            let check = SimulatedCheck(request: request, boot: boot, asked: self.now)
            self.queue.push(.checked(index, check), at: self.soon(2))
        case .factor(let id, let factor):
            let node = self.nodes[index]
            self.report(HealthChecker.check(factor, of: id, at: node, self.targets, self.now))
            if factor <= 0 { self.count(.exclusion) }
            self.nodes[index].health?.setFactor(factor, of: id)
            self.stepRegions(index) { $0.setFactor(factor, of: id, at: $1) }
        case .trial(let offer): self.nodes[index].health?.allowTrial(of: offer.id)
        case .votesChanged: self.willPublish(index)
        case .event, .panic, .closed: break
        case .wake(let instant):
            self.nodes[index].healthWake += 1
            let number = self.nodes[index].healthWake
            self.queue.push(
                .wakeHealth(index, number: number),
                at: self.moment(instant, at: index)
            )
        }
    }

    private mutating func perform(_ effect: RegionMachine.Effect, at index: Int) {
        switch effect {
        case .shares(_, let shares, _): self.nodes[index].health?.shares = shares
        case .returnsChanged: self.willPublish(index)
        case .moved, .overflow: break
        case .wake(let instant):
            self.nodes[index].regionWake += 1
            let number = self.nodes[index].regionWake
            self.queue.push(
                .wakeRegions(index, number: number),
                at: self.moment(instant, at: index)
            )
        }
    }

    private mutating func willPublish(_ index: Int) {
        guard self.nodes[index].health?.willPublish == false else { return }
        self.nodes[index].health?.willPublish = true
        self.queue.push(.publish(index), at: self.soon(1))
    }

    private func soon(_ milliseconds: Int64) -> MonotonicInstant {
        self.now.advanced(by: .milliseconds(milliseconds))
    }
}

/// A check that is under way.
struct SimulatedCheck {
    let request: ProbeRequest
    /// Of the start that asked for it.
    let boot: UInt64
    let asked: MonotonicInstant
}
