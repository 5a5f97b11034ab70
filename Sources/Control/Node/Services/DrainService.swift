import Logging
import MeshDataPlane
import MeshListening
import MeshPrimitives
import MeshReports
import ServiceLifecycle
import Synchronization

/// Empties the node when it shuts down: says so, waits, finishes what is in flight.
///
///     running -- TERM --> announced --announce--> draining -- empty, deadline or ``hurry()`` --> over
///        \----- a successor serves -----------------/
final class DrainService: Service {
    private let dataPlane: DataPlane
    private let state: StateService
    private let listeners: ListenerSet
    private let supervisor: Supervisor
    private let announce: Duration
    private let deadline: Duration
    private let logger: Logger
    private let cut = Mutex(0)
    private let isHurried = Atomic(false)

    init(
        dataPlane: DataPlane,
        state: StateService,
        listeners: ListenerSet,
        supervisor: Supervisor,
        settings: ProxySettings,
        logger: Logger
    ) {
        self.dataPlane = dataPlane
        self.state = state
        self.listeners = listeners
        self.supervisor = supervisor
        self.announce = settings.drainAnnounce
        self.deadline = settings.drainDeadline
        self.logger = logger
    }

    /// Requests that were still in flight at the deadline, or were cut by a drain before.
    var cutRequests: Int { self.cut.withLock { $0 } + self.dataPlane.cutRequestCount }

    /// Waits no longer, now or once the drain begins.
    func hurry() { self.isHurried.store(true, ordering: .relaxed) }

    /// Waits for the shutdown, then drains.
    func run() async throws {
        try? await gracefulShutdown()
        let isHandedOver = self.listeners.isHandedOver
        self.logger.tell(
            .nodeDrains,
            "draining",
            ["successor": "\(isHandedOver ? "serves" : "none")"]
        )
        let sockets: SocketFate =
            isHandedOver ? .taken : self.supervisor.keepsSockets ? .kept : .ended
        if !isHandedOver {
            self.supervisor.stopping()
            self.state.set(.draining)
            // From the announcement on clients are sent elsewhere.
            self.dataPlane.setClosing(true)
            await self.unlessHurried { try? await Task.sleep(for: self.announce) }
        }
        await self.unlessHurried {
            let left = await self.dataPlane.drain(deadline: self.deadline, sockets: sockets)
            self.cut.withLock { $0 = left }
        }
        let left = self.cutRequests
        if left > 0 {
            self.logger.tell(.requestsCut, "drain deadline passed", ["requests_cut": "\(left)"])
        }
        self.listeners.releaseAll()
    }

    /// Runs `body`, which ends early when it is cancelled, until ``hurry()``.
    private func unlessHurried(_ body: @escaping @Sendable () async -> Void) async {
        await withTaskGroup { group in
            group.addTask { await body() }
            group.addTask {
                while !Task.isCancelled, !self.isHurried.load(ordering: .relaxed) {
                    try? await Task.sleep(for: .milliseconds(20))
                }
            }
            await group.next()
            group.cancelAll()
        }
    }
}
