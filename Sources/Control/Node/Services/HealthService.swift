import MeshBalancing
import MeshDataPlane
import MeshHealth
import MeshObservations
import MeshPrimitives
import MeshReports
import MeshTransport
import ServiceLifecycle
import Synchronization

/// Drives the health and the region machine: observations and probe results in, factors and votes
/// out.
///
/// Decides nothing itself. One consumer takes inputs in order and never waits for anything but the
/// next input or the next moment; another one publishes.
final class HealthService: ServiceLifecycle.Service {
    private struct State {
        var machine: HealthMachine
        var regions: RegionMachine
        var isIsolated = false
        var doubtfulRegions: Set<String> = []
        /// Of the upstreams that were put into the inbox last.
        var mark: UpstreamsMark?
        /// Those that the machines know.
        var upstreams: [SnapshotUpstream] = []
        /// When each machine wants to be woken.
        var machineWake: MonotonicInstant?
        var regionWake: MonotonicInstant?
    }

    private let cluster: ClusterService
    private let dataPlane: DataPlane
    private let prober: Prober
    private let events: EventLog
    private let node: NodeID
    private let inbox: HealthInbox
    private let publishing = Doorbell()
    /// What happened so far, for metrics.
    let tally = HealthTally()
    private let state: Mutex<State>

    /// Creates the service; the data plane and the prober feed `inbox`.
    init(
        peer: HealthPeer,
        cluster: ClusterService,
        dataPlane: DataPlane,
        prober: Prober,
        events: EventLog,
        inbox: HealthInbox
    ) {
        self.node = peer.id
        self.cluster = cluster
        self.dataPlane = dataPlane
        self.prober = prober
        self.events = events
        self.inbox = inbox
        let offset = NodeClock.fleetOffset
        let machine = HealthMachine(node: peer, timing: HealthTiming(), fleetOffset: offset)
        self.state = Mutex(State(machine: machine, regions: RegionMachine(fleetOffset: offset)))
    }

    /// Takes over the targets of a configuration, and the certificates that checks show them.
    ///
    /// Costs nothing when the upstreams are those of the snapshot before.
    func configure(_ snapshot: Snapshot) {
        self.prober.setCertificates(of: snapshot)
        let mark = snapshot.upstreamsMark
        let isNew = self.state.withLock { state in
            defer { state.mark = mark }
            return state.mark !== mark
        }
        if isNew { self.inbox.add { $0.upstreams = snapshot.upstreams } }
    }

    /// Takes over the nodes that share the checking.
    func setPeers(_ peers: [HealthPeer]) { self.inbox.add { $0.peers = peers } }

    /// Says whether most of the mesh is out of reach.
    func setIsolated(_ isIsolated: Bool) { self.inbox.add { $0.isIsolated = isIsolated } }

    /// Takes in what a peer says of targets.
    func receive(_ report: MeshHealth.HealthReport, from observer: NodeID) {
        self.inbox.add { $0.reports[observer] = report }
    }

    /// Takes an operator's word.
    func mark(_ ids: [TargetID], isHealthy: Bool) {
        self.inbox.add { $0.marks.append((ids, isHealthy)) }
    }

    /// Takes over what operators want of regions and targets.
    func obey(_ orders: [StandingOrder]) { self.inbox.add { $0.orders = orders } }

    /// Says which regions' nodes are not plainly there.
    func setDoubts(about regions: Set<String>) { self.inbox.add { $0.doubtfulRegions = regions } }

    /// Takes in which returns to regions a node of the own region runs.
    func receive(_ returns: [RegionReturn], from peer: NodeID) {
        self.inbox.add { $0.returns[peer] = returns }
    }

    /// How traffic is shared out over regions, by upstream.
    func regionViews() -> [String: [RegionView]] {
        self.state.withLock { $0.regions.views(at: NodeClock.now) }
    }

    /// What orders would make of that.
    func shares(under orders: [RegionOrder]) -> [String: [Int]] {
        self.state.withLock { $0.regions.shares(under: orders, at: NodeClock.now) }
    }

    /// Every target with its verdict and the evidence behind it.
    func views() -> [TargetView] { self.state.withLock { $0.machine.views(at: NodeClock.now) } }

    /// The region that takes this node's traffic, by upstream.
    func activeRegions() -> [String: String] { self.state.withLock { $0.regions.activeRegions } }

    /// Runs until the node shuts down.
    func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.publish() }
                var wake: MonotonicInstant?
                while await self.inbox.bell.wait(until: wake) {
                    let (effects, next) = self.step(self.inbox.take())
                    wake = next
                    self.perform(effects)
                }
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.inbox.bell.end()
            self.publishing.end()
        }
    }

    /// Shares this node's votes when they have changed; several changes in a row count once.
    private func publish() async {
        while await self.publishing.wait(until: nil) {
            let (report, returns) = self.state.withLock { ($0.machine.report, $0.regions.returns) }
            self.cluster.setVotes(ObserverVotes(report))
            self.cluster.setReturns(
                returns.map { RegionReturn($0, $1) }.sorted { $0.number < $1.number }
            )
        }
    }

    /// What one step asks the shell to do.
    private struct Effects {
        var health: [HealthMachine.Effect] = []
        var regions: [RegionMachine.Effect] = []
    }

    /// Steps both machines under the lock; performs nothing.
    private func step(_ batch: HealthInbox.Batch) -> (Effects, wake: MonotonicInstant?) {
        let now = NodeClock.now
        return self.state.withLock { state in
            var effects = Effects()
            if let upstreams = batch.upstreams {
                let change = UpstreamChange(from: state.upstreams, to: upstreams)
                state.upstreams = upstreams
                effects.regions += state.regions.configure(change, at: now)
                effects.health += state.machine.configure(change, at: now)
            }
            if let isIsolated = batch.isIsolated { state.isIsolated = isIsolated }
            if let regions = batch.doubtfulRegions { state.doubtfulRegions = regions }
            effects.regions += Self.feed(batch, to: &state, at: now)
            effects.health += Self.feed(batch, to: &state.machine, at: now)
            if state.machineWake.map({ $0 <= now }) ?? true {
                state.machineWake = nil
                effects.health += state.machine.wake(at: now)
            }
            for case .factor(let id, let factor) in effects.health {
                effects.regions += state.regions.setFactor(factor, of: id, at: now)
            }
            if let due = state.regionWake, due <= now {
                state.regionWake = nil
                effects.regions += state.regions.wake(at: now)
            }
            for case .wake(let moment) in effects.health { state.machineWake = moment }
            for case .wake(let moment) in effects.regions { state.regionWake = moment }
            if effects.health.contains(.votesChanged) || effects.regions.contains(.returnsChanged) {
                self.publishing.ring()
            }
            let wakes = [state.machineWake, state.regionWake].compactMap(\.self)
            return (effects, wakes.min())
        }
    }

    private static func feed(
        _ batch: HealthInbox.Batch,
        to state: inout State,
        at now: MonotonicInstant
    ) -> [RegionMachine.Effect] {
        var effects: [RegionMachine.Effect] = []
        if let orders = batch.orders {
            effects += state.regions.setOrders(orders.regionOrders, at: now)
        }
        if batch.isIsolated != nil || batch.doubtfulRegions != nil {
            effects += state.regions.setDoubts(
                about: state.doubtfulRegions,
                isIsolated: state.isIsolated,
                at: now
            )
        }
        for (peer, returns) in batch.returns.sorted(by: { $0.key < $1.key }) {
            effects += state.regions.setReturns(returns.starts, of: peer, at: now)
        }
        effects += state.regions.observe(
            batch.observations.values.map { TargetTraffic($0) },
            at: now
        )
        return effects
    }

    private static func feed(
        _ batch: HealthInbox.Batch,
        to machine: inout HealthMachine,
        at now: MonotonicInstant
    ) -> [HealthMachine.Effect] {
        var effects: [HealthMachine.Effect] = []
        if let orders = batch.orders {
            effects += machine.setDirectives(orders.targetDirectives, at: now)
        }
        if let peers = batch.peers { effects += machine.setPeers(peers, at: now) }
        if let isIsolated = batch.isIsolated {
            effects += machine.setIsolated(isIsolated, at: now)
        }
        for mark in batch.marks {
            effects += machine.mark(mark.ids, isHealthy: mark.isHealthy, at: now)
        }
        for (observer, report) in batch.reports.sorted(by: { $0.key < $1.key }) {
            effects += machine.receive(report, from: observer, at: now)
        }
        if !batch.observations.isEmpty {
            effects += machine.observe(Array(batch.observations.values), at: now)
        }
        for result in batch.results { effects += machine.finished(result, at: now) }
        return effects
    }

    private func perform(_ effects: Effects) {
        var factors: [TargetFactor] = []
        var trials: [TrialOffer] = []
        for effect in effects.health {
            switch effect {
            case .probe(let request): self.prober.submit(request)
            case .factor(let id, let factor):
                factors.append(TargetFactor(id: id, factor: factor))
            case .closed(let upstream, let isClosed):
                self.dataPlane.setClosed([upstream: isClosed])
                self.events.add(closed: upstream, isClosed)
            case .trial(let offer): trials.append(offer)
            case .event(let event): self.tell(event)
            case .panic(let upstream, let region, let isPanicking):
                self.tally.count(panic: upstream, region, isPanicking)
                self.events.add(panic: upstream, region, isPanicking)
            case .votesChanged, .wake: continue
            }
        }
        self.dataPlane.setTargets(factors)
        if !trials.isEmpty { self.dataPlane.offerTrials(trials, at: NodeClock.now) }
        for effect in effects.regions {
            switch effect {
            case .shares(let upstream, let shares, let open):
                self.dataPlane.setShares([
                    GroupShares(upstream: upstream, shares: shares, open: open)
                ])
            case .moved(let move): self.events.add(move)
            case .overflow(let upstream, let region, let isTaking):
                self.events.add(overflow: upstream, to: region, isTaking)
            case .returnsChanged, .wake: continue
            }
        }
    }

    private func tell(_ event: HealthEvent) {
        self.tally.count(event)
        self.events.add(event)
    }
}
