import Foundation
import Glibc
import MeshDataPlane
import MeshPrimitives
import MeshReplication
import MeshReports
import MeshTransport
import ServiceLifecycle
import Synchronization

/// Keeps the mesh informed about this node: its mode, configuration and load.
///
/// Tells at once when mode or configuration changes, else every ``period``.
final class StateService: Service {
    /// Time between two reports when nothing changes: 5 s; peers believe them for 60 s.
    private static let period = Duration.seconds(5)

    private let cluster: ClusterService
    private let dataPlane: DataPlane
    private let node: NodeID
    private let state: Mutex<NodeState>
    private let signal: AsyncStream<Bool>
    private let trigger: AsyncStream<Bool>.Continuation

    init(cluster: ClusterService, dataPlane: DataPlane, node: NodeID, adminAddress: String) {
        self.cluster = cluster
        self.dataPlane = dataPlane
        self.node = node
        var state = NodeState()
        state.startedAt = NodeClock.wallMilliseconds
        state.adminAddress = adminAddress
        self.state = Mutex(state)
        (self.signal, self.trigger) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(4))
    }

    /// The state as it was last set; load and requests in flight as last measured.
    var current: NodeState { self.state.withLock { $0 } }

    /// Changes the state and tells the mesh at once; returns at once.
    func update(_ change: @Sendable (inout NodeState) -> Void) {
        let hasChanged = self.state.withLock { state in
            let before = state
            change(&state)
            return state != before
        }
        if hasChanged { self.trigger.yield(true) }
    }

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
                var meter = LoadMeter()
                for await isUrgent in self.signal {
                    let inFlight = self.dataPlane.activeRequests
                    let load = meter.read()
                    let change = self.state.withLock { state in
                        state.inFlight = inFlight
                        state.load = load
                        return state.change(of: self.node)
                    }
                    // A state that cannot be written is replaced by the next one.
                    _ = try? await self.cluster.spread(
                        [change],
                        urgency: isUrgent ? .urgent : .normal
                    )
                }
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.trigger.finish()
        }
    }
}

/// Measures the share of the machine's processor time that this process uses.
private struct LoadMeter {
    private var busy = LoadMeter.processTime
    private var at = NodeClock.now
    private var last = 0.0

    /// The share since the call before, 0 to 1; the last one when that was under 100 ms ago.
    mutating func read() -> Double {
        let now = NodeClock.now
        let elapsed = self.at.duration(to: now).milliseconds
        guard elapsed > 100 else { return self.last }
        let time = Self.processTime
        let cores = Double(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        let share = (time - self.busy) / elapsed / cores
        self.busy = time
        self.at = now
        self.last = (min(1, max(0, share)) * 1_000).rounded() / 1_000
        return self.last
    }

    /// Processor milliseconds of all threads; POSIX counts a million of `clock()` per second.
    private static var processTime: Double { Double(clock()) / 1_000 }
}
