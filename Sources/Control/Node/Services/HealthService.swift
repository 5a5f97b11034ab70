import MeshBalancing
import MeshDataPlane
import MeshHealth
import MeshObservations
import MeshPrimitives
import MeshReports
import MeshTransport
import ServiceLifecycle
import Synchronization

/// Drives the health table: observations and probe results in, factors and reports out.
///
/// Decides nothing itself. One consumer takes inputs in order, so no effect overtakes another.
final class HealthService: Service {
    /// What reaches the table.
    enum Input: Sendable {
        case configure([SnapshotUpstream])
        case peers([HealthPeer])
        case observed([TargetObservation])
        case probed(ProbeResult)
        case report(MeshHealth.HealthReport, from: NodeID)
        case marked([TargetID], isHealthy: Bool)
        case wake
    }

    private struct State {
        var table: HealthTable
        var regions: [String: RegionRouting] = [:]
    }

    private let cluster: ClusterService
    private let dataPlane: DataPlane
    private let prober: Prober
    private let events: EventLog
    private let node: NodeID
    private let state: Mutex<State>
    private let inbox: AsyncStream<Input>
    private let inlet: AsyncStream<Input>.Continuation

    /// Creates the service; `inbox` is what ``Inlet`` feeds.
    init(
        peer: HealthPeer,
        cluster: ClusterService,
        dataPlane: DataPlane,
        prober: Prober,
        events: EventLog,
        inlet: Inlet
    ) {
        self.node = peer.id
        self.cluster = cluster
        self.dataPlane = dataPlane
        self.prober = prober
        self.events = events
        self.inbox = inlet.stream
        self.inlet = inlet.continuation
        let table = HealthTable(node: peer, timing: HealthTiming(), at: NodeClock.now)
        self.state = Mutex(State(table: table))
    }

    /// Where inputs go; made first, since the data plane and the prober need it at their creation.
    struct Inlet: Sendable {
        fileprivate let stream: AsyncStream<Input>
        fileprivate let continuation: AsyncStream<Input>.Continuation

        /// Creates an inlet that keeps the newest 8,192 inputs when the service cannot keep up.
        init() {
            (self.stream, self.continuation) = AsyncStream.makeStream(
                bufferingPolicy: .bufferingNewest(8_192)
            )
        }

        /// Hands over one input; returns at once.
        func send(_ input: Input) { self.continuation.yield(input) }
    }

    /// Hands over one input; returns at once.
    func send(_ input: Input) { self.inlet.yield(input) }

    /// Takes over the targets of a configuration, and the certificates that checks show them.
    func configure(_ snapshot: Snapshot) {
        self.prober.setCertificates(of: snapshot)
        self.send(.configure(snapshot.upstreams))
    }

    /// Every target with its verdict and the evidence behind it.
    func views() -> [TargetView] { self.state.withLock { $0.table.views(at: NodeClock.now) } }

    /// The region that takes this node's traffic, by upstream.
    func activeRegions() -> [String: String] {
        self.state.withLock { $0.regions.compactMapValues(\.activeRegion) }
    }

    /// Runs until the node shuts down.
    func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                var alarm: MonotonicInstant?
                for await input in self.inbox {
                    if case .wake = input { alarm = nil }
                    let (effects, next) = self.step(input)
                    for effect in effects { self.perform(effect) }
                    if let next, alarm.map({ next < $0 }) ?? true {
                        alarm = next
                        group.addTask { await self.ring(at: next) }
                    }
                }
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.inlet.finish()
        }
    }

    /// Steps table and region preferences under the lock; performs nothing.
    private func step(_ input: Input) -> (effects: [Outcome], wake: MonotonicInstant?) {
        let now = NodeClock.now
        return self.state.withLock { state in
            var outcomes: [Outcome] = []
            if case .configure(let upstreams) = input {
                state.regions = RegionRouting.configure(upstreams, keeping: state.regions)
                outcomes += state.regions.values.map { .active($0.current) }
            }
            var wake: MonotonicInstant?
            for effect in Self.apply(input, to: &state.table, at: now) {
                if case .wake(let instant) = effect {
                    wake = instant
                    continue
                }
                outcomes.append(.health(effect))
                guard case .factor(let id, let factor) = effect else { continue }
                for name in state.regions.keys {
                    state.regions[name]?.setFactor(factor, of: id)
                }
            }
            for name in state.regions.keys.sorted() {
                if let change = state.regions[name]?.settle(at: now) {
                    outcomes.append(.active(change))
                    if let routing = state.regions[name] { outcomes.append(.moved(routing)) }
                }
                if let next = state.regions[name]?.nextWake { wake = min(wake ?? next, next) }
            }
            return (outcomes, wake)
        }
    }

    private static func apply(
        _ input: Input,
        to table: inout HealthTable,
        at now: MonotonicInstant
    ) -> [HealthTable.Effect] {
        switch input {
        case .configure(let upstreams): table.configure(upstreams.flatMap(\.health), at: now)
        case .peers(let peers): table.setPeers(peers, at: now)
        case .observed(let observations): table.observe(observations, at: now)
        case .probed(let result): table.finished(result, at: now)
        case .report(let report, let observer): table.receive(report, from: observer, at: now)
        case .marked(let ids, let isHealthy): table.mark(ids, isHealthy: isHealthy, at: now)
        case .wake: table.wake(at: now)
        }
    }

    /// What one step asks the shell to do.
    private enum Outcome: Sendable {
        case health(HealthTable.Effect)
        case active(ActiveGroup)
        case moved(RegionRouting)
    }

    private func perform(_ outcome: Outcome) {
        switch outcome {
        case .health(.probe(let request)): self.prober.submit(request)
        case .health(.factor(let id, let factor)):
            self.dataPlane.setTargets([TargetFactor(id: id, factor: factor)])
        case .health(.publish(let report)): self.cluster.setVotes(ObserverVotes(report))
        case .health(.event(let event)): self.tell(event)
        case .health(.wake): return
        case .active(let group): self.dataPlane.setActiveGroups([group])
        case .moved(let routing): self.tell(routing)
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

    private func tell(_ routing: RegionRouting) {
        let region = routing.activeRegion ?? "failover targets"
        self.events.add(
            .region,
            "traffic-moved",
            subject: routing.upstream,
            message: "\(routing.upstream): traffic of this node goes to \(region)",
            details: ["region": region]
        )
    }

    private func ring(at instant: MonotonicInstant) async {
        try? await Task.sleep(for: NodeClock.now.duration(to: instant))
        self.inlet.yield(.wake)
    }
}

extension SnapshotUpstream {
    /// The upstream's targets for the health table, each with settings that carry its own `Host`.
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
                        region: target.region ?? ""
                    )
                ]
            )
        }
    }
}
