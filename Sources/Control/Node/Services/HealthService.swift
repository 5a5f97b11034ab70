import MeshBalancing
import MeshDataPlane
import MeshEntities
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
        var regions = RegionMachine()
        /// Of the upstreams that were taken over last.
        var upstreams: UpstreamsMark?
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
        let wall = Duration.milliseconds(Int64(NodeClock.wallMilliseconds))
        let own = Duration.nanoseconds(NodeClock.now.nanoseconds)
        let machine = HealthMachine(node: peer, timing: HealthTiming(), fleetOffset: wall - own)
        self.state = Mutex(State(machine: machine))
    }

    /// Takes over the targets of a configuration, and the certificates that checks show them.
    ///
    /// Costs nothing when the upstreams are those of the snapshot before.
    func configure(_ snapshot: Snapshot) {
        self.prober.setCertificates(of: snapshot)
        let mark = snapshot.upstreamsMark
        let isNew = self.state.withLock { state in
            defer { state.upstreams = mark }
            return state.upstreams !== mark
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
            let report = self.state.withLock { $0.machine.report }
            self.cluster.setVotes(ObserverVotes(report))
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
                let wanted = upstreams.compactMap(\.regionMachine)
                effects.regions += state.regions.configure(wanted, at: now)
            }
            effects.health = Self.feed(batch, to: &state.machine, at: now)
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
            if effects.health.contains(.votesChanged) { self.publishing.ring() }
            let wakes = [state.machineWake, state.regionWake].compactMap(\.self)
            return (effects, wakes.min())
        }
    }

    private static func feed(
        _ batch: HealthInbox.Batch,
        to machine: inout HealthMachine,
        at now: MonotonicInstant
    ) -> [HealthMachine.Effect] {
        var effects: [HealthMachine.Effect] = []
        if let upstreams = batch.upstreams {
            effects += machine.configure(upstreams.flatMap(\.health), at: now)
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
            case .trial(let offer): trials.append(offer)
            case .event(let event): self.tell(event)
            case .panic(let upstream, let region, let isPanicking):
                self.tell(upstream, region, isPanicking: isPanicking)
            case .votesChanged, .wake: continue
            }
        }
        self.dataPlane.setTargets(factors)
        if !trials.isEmpty { self.dataPlane.offerTrials(trials, at: NodeClock.now) }
        for effect in effects.regions {
            switch effect {
            case .active(let upstream, let group):
                self.dataPlane.setActiveGroups([ActiveGroup(upstream: upstream, group: group)])
            case .moved(let upstream, let region): self.tell(upstream, movedTo: region)
            case .wake: continue
            }
        }
    }

    private func tell(_ event: HealthEvent) {
        let because =
            event.observers > 0
            ? "\(event.reason.word), \(event.observers) peers agree" : event.reason.word
        self.events.add(
            .health,
            "target-\(event.verdict.rawValue)",
            subject: event.target.name,
            message: "\(event.target.upstream): \(event.target.name) is "
                + "\(event.verdict.rawValue) (\(because))",
            details: ["upstream": event.target.upstream, "region": event.target.region]
        )
    }

    private func tell(_ upstream: String, _ region: String, isPanicking: Bool) {
        let place = region.isEmpty ? upstream : "\(upstream) in \(region)"
        self.events.add(
            .health,
            isPanicking ? "panic-began" : "panic-ended",
            subject: upstream,
            message: isPanicking
                ? "\(place): less than half of the capacity is in use; doubtful targets serve again"
                : "\(place): enough capacity is in use again",
            details: ["upstream": upstream, "region": region]
        )
    }

    private func tell(_ upstream: String, movedTo region: String?) {
        let region = region ?? "failover targets"
        self.events.add(
            .region,
            "traffic-moved",
            subject: upstream,
            message: "\(upstream): traffic of this node goes to \(region)",
            details: ["region": region]
        )
    }
}

extension SnapshotUpstream {
    /// The upstream's targets for the health machine, each with settings that carry its own `Host`.
    fileprivate var health: [HealthUpstream] {
        self.targets.filter { $0.weight > 0 }.map { target in
            HealthUpstream(
                settings: self.settings.map { HealthSettings($0, host: target.hostHeader) }
                    ?? HealthSettings(),
                targets: [
                    HealthTarget(
                        id: target.id,
                        upstream: self.name,
                        name: target.target,
                        endpoint: target.endpoint,
                        region: target.region ?? "",
                        weight: target.weight
                    )
                ]
            )
        }
    }

    /// The upstream for the region machine; `nil` when it has one group only.
    fileprivate var regionMachine: RegionMachine.Upstream? {
        guard self.groups.count > 1 else { return nil }
        return RegionMachine.Upstream(
            name: self.name,
            regions: self.groups,
            hold: .seconds(self.settings?.regions.hold ?? 60),
            targets: self.targets.filter { $0.weight > 0 }.map { ($0.id, $0.group) }
        )
    }
}
