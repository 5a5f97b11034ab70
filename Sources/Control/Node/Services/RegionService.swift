import MeshDataPlane
import MeshHealth
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshReports
import MeshTransport
import ServiceLifecycle
import Synchronization

/// Judges which regions are there, and publishes this region's view when the node is a relay of it.
final class RegionService: Service {
    /// Time between two looks when nothing is told: 1 s.
    private static let period = Duration.seconds(1)

    private let cluster: ClusterService
    private let events: EventLog
    private let node: NodeID
    private let region: String
    private let health: HealthService
    private let dataPlane: DataPlane
    private let fleetSize = Mutex(1)
    private let verdicts = Mutex(SteadyVerdicts())
    private let signal: AsyncStream<Void>
    private let trigger: AsyncStream<Void>.Continuation

    /// Judges regions as one node of one of them.
    init(
        _ peer: HealthPeer,
        _ cluster: ClusterService,
        _ health: HealthService,
        _ dataPlane: DataPlane,
        _ events: EventLog
    ) {
        self.cluster = cluster
        self.health = health
        self.dataPlane = dataPlane
        self.events = events
        self.node = peer.id
        self.region = peer.region
        (self.signal, self.trigger) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// The state of every known region.
    var states: [String: RegionReport.State] { self.verdicts.withLock { $0.states } }

    /// Says that members or summaries have changed; returns at once.
    func summariesChanged() { self.trigger.yield() }

    /// Runs until the node shuts down.
    func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask {
                    while !Task.isCancelled {
                        self.trigger.yield()
                        try? await Task.sleep(for: Self.period)
                    }
                }
                for await _ in self.signal { await self.judge() }
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.trigger.finish()
        }
    }

    private func judge() async {
        let members = await self.cluster.members().filter { $0.state != .left }
        self.tellFleetSize(members.count)
        let summaries = await self.cluster.regionSummaries()
        var states: [String: RegionReport.State] = [:]
        var own: [RegionSummary] = []
        for (region, inside) in Dictionary(grouping: members, by: \.profile.region) {
            let alive = inside.count { $0.state == .alive }
            states[region] = RegionVerdict.state(
                of: region,
                seenFrom: self.region,
                alive: alive,
                failed: inside.count { $0.state == .failed },
                summaries: summaries
            )
            own.append(
                RegionSummary(
                    observer: self.region,
                    region: region,
                    members: inside.count,
                    alive: alive
                )
            )
        }
        self.tellChanges(to: states)
        let alive = members.filter { $0.profile.region == self.region && $0.state == .alive }
        let rank = Relays.rank(of: self.node, in: self.region, among: alive.map(\.id))
        own.sort { $0.region < $1.region }
        self.cluster.setRegions(rank == nil ? [] : own)
    }

    /// Tells workers how many nodes there are; one that failed counts until it is forgotten, so that a
    /// node that is cut off takes no more than its part.
    private func tellFleetSize(_ count: Int) {
        let isNews = self.fleetSize.withLock { known in
            defer { known = count }
            return known != count
        }
        if isNews { self.dataPlane.setFleetSize(count) }
    }

    private func tellChanges(to states: [String: RegionReport.State]) {
        let changes = self.verdicts.withLock { $0.take(states, at: NodeClock.now) }
        if !changes.isEmpty {
            self.health.setDoubts(about: Set(self.states.filter { $1.isDoubtful }.keys))
        }
        for (region, state) in changes.sorted(by: { $0.key < $1.key }) {
            self.events.add(
                .region,
                state.event,
                subject: region,
                message: "region \(region) is \(state.rawValue)"
            )
        }
    }
}

extension RegionReport.State {
    /// The event of a region that has come to it.
    fileprivate var event: EventType {
        switch self {
        case .up: .regionUp
        case .degraded: .regionDegraded
        case .down: .regionDown
        case .unreachable: .regionUnreachable
        }
    }
}
