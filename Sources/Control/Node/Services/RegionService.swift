import MeshMembership
import MeshPrimitives
import MeshReplication
import MeshReports
import MeshTransport
import ServiceLifecycle
import Synchronization

/// Judges which regions are there, and publishes this region's view when the node is a relay of it.
final class RegionService: Service {
    /// Time between two summaries when nothing changes: 5 s; they live three times as long.
    private static let period = Duration.seconds(5)

    private let cluster: ClusterService
    private let events: EventLog
    private let node: NodeID
    private let region: String
    private let verdicts = Mutex<[String: RegionReport.State]>([:])
    private let signal: AsyncStream<Bool>
    private let trigger: AsyncStream<Bool>.Continuation

    init(cluster: ClusterService, events: EventLog, node: NodeID, region: String) {
        self.cluster = cluster
        self.events = events
        self.node = node
        self.region = region
        (self.signal, self.trigger) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// The state of every known region.
    var states: [String: RegionReport.State] { self.verdicts.withLock { $0 } }

    /// Says that members or summaries have changed; returns at once.
    func summariesChanged() { self.trigger.yield(true) }

    /// Runs until the node shuts down.
    func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask {
                    while !Task.isCancelled {
                        self.trigger.yield(false)
                        try? await Task.sleep(for: Self.period)
                    }
                }
                var published: [String: RegionSummary] = [:]
                for await hasChanged in self.signal {
                    await self.judge(publishing: &published, isPeriodic: !hasChanged)
                }
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.trigger.finish()
        }
    }

    private func judge(
        publishing published: inout [String: RegionSummary],
        isPeriodic: Bool
    ) async {
        let members = await self.cluster.members().filter { $0.state != .left }
        let summaries = await self.cluster.records(of: .regionSummary)
            .compactMap(RegionSummary.init(record:))
        var states: [String: RegionReport.State] = [:]
        var own: [RegionSummary] = []
        for (region, inside) in Dictionary(grouping: members, by: \.profile.region) {
            let alive = inside.count { $0.state == .alive }
            states[region] = RegionVerdict.state(
                of: region,
                seenFrom: self.region,
                alive: alive,
                members: inside.count,
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
        guard RegionVerdict.isRelay(self.node, of: self.region, alive: alive.map(\.id)) else {
            published = [:]
            return
        }
        let news = own.filter { isPeriodic || published[$0.region] != $0 }
        guard !news.isEmpty else { return }
        for summary in news { published[summary.region] = summary }
        // A summary that cannot be written is replaced by the next one.
        _ = try? await self.cluster.spread(
            news.map { $0.change(of: self.node) },
            urgency: isPeriodic ? .normal : .urgent
        )
    }

    private func tellChanges(to states: [String: RegionReport.State]) {
        let before = self.verdicts.withLock { verdicts in
            defer { verdicts = states }
            return verdicts
        }
        for (region, state) in states.sorted(by: { $0.key < $1.key }) where before[region] != state
        {
            self.events.add(
                .region,
                "region-\(state.rawValue)",
                subject: region,
                message: "region \(region) is \(state.rawValue)"
            )
        }
    }
}
