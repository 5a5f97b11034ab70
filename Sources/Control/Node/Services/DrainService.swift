import Logging
import MeshDataPlane
import MeshObservations
import MeshReports
import ServiceLifecycle
import Synchronization

/// Empties the node when it shuts down: says so, waits, finishes what is in flight.
final class DrainService: Service {
    private let dataPlane: DataPlane
    private let state: StateService
    private let announce: Duration
    private let deadline: Duration
    private let logger: Logger
    private let cut = Mutex(0)

    init(
        dataPlane: DataPlane,
        state: StateService,
        announce: Duration,
        deadline: Duration,
        logger: Logger
    ) {
        self.dataPlane = dataPlane
        self.state = state
        self.announce = announce
        self.deadline = deadline
        self.logger = logger
    }

    /// Requests that were still in flight at the deadline.
    var cutRequests: Int { self.cut.withLock { $0 } }

    /// Waits for the shutdown, then drains.
    func run() async throws {
        try? await gracefulShutdown()
        self.logger.info("draining")
        self.state.update { $0.mode = .draining }
        try? await Task.sleep(for: self.announce)
        let left = await self.dataPlane.drain(deadline: self.deadline)
        self.cut.withLock { $0 = left }
        if left > 0 {
            self.logger.warning("drain deadline passed", metadata: ["requests_cut": "\(left)"])
        }
    }
}
