import Logging
import MeshDataPlane
import MeshReports
import MeshTransport
import ServiceLifecycle

/// Tells the supervisor that the node works while each of its event loops gets to what it is sent; a
/// loop that is stuck lets the supervisor's watchdog expire.
struct WatchdogService: Service {
    let supervisor: Supervisor
    let dataPlane: DataPlane
    let cluster: ClusterService
    let logger: Logger

    /// Runs until the node has stopped, since a drain can be stuck as well.
    func run() async throws {
        guard let interval = self.supervisor.watchdog else {
            try? await gracefulShutdown()
            return
        }
        while !Task.isCancelled {
            let began = ContinuousClock.now
            if await self.works(within: interval / 4) { self.supervisor.alive() }
            let rest = interval / 3 - began.duration(to: .now)
            if Task.isShuttingDownGracefully { return }
            if rest > .zero {
                await cancelWhenGracefulShutdown { try? await Task.sleep(for: rest) }
            }
        }
    }

    private func works(within limit: Duration) async -> Bool {
        async let stuck = self.dataPlane.stuckWorkers(within: limit)
        async let isAnswering = self.cluster.answers(within: limit)
        let (workers, cluster) = await (stuck, isAnswering)
        guard workers == 0, cluster else {
            self.logger.tell(
                .threadStuck,
                "a thread is stuck",
                ["workers": "\(workers)", "cluster": "\(cluster ? "works" : "stuck")"]
            )
            return false
        }
        return true
    }
}
