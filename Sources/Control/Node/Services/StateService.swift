import Foundation
import Glibc
import MeshDataPlane
import MeshObservations
import MeshPrimitives
import MeshTransport
import ServiceLifecycle
import Synchronization

/// Keeps the mesh informed about this node: its mode, configuration and load.
///
/// Mode and configuration are told at once when they change, the load with the next renewal.
final class StateService: Service {
    /// Time between two measurements of the load: 2 s.
    private static let period = Duration.seconds(2)

    private let cluster: ClusterService
    private let dataPlane: DataPlane
    private let state: Mutex<NodeState>
    private let standing = Mutex(NodeMode.normal)

    init(cluster: ClusterService, dataPlane: DataPlane, adminAddress: String) {
        self.cluster = cluster
        self.dataPlane = dataPlane
        var state = NodeState()
        state.startedAt = NodeClock.wallMilliseconds
        state.adminAddress = adminAddress
        self.state = Mutex(state)
    }

    /// The state as it was last set.
    var current: NodeState { self.state.withLock { $0 } }

    /// Whether the node takes traffic.
    var mode: NodeMode { self.standing.withLock { $0 } }

    /// Sets whether the node takes traffic and tells the mesh at once; returns at once.
    func set(_ mode: NodeMode) {
        self.standing.withLock { standing in
            standing = mode
            // Under the lock, so that no older mode overtakes.
            self.cluster.setMode(mode)
        }
    }

    /// Changes the state and tells the mesh at once; returns at once.
    func update(_ change: @Sendable (inout NodeState) -> Void) {
        self.state.withLock { state in
            let before = state
            change(&state)
            // Under the lock, so that no older state overtakes.
            if state != before { self.cluster.setState(state) }
        }
    }

    /// Runs until the node shuts down.
    func run() async throws {
        self.state.withLock { self.cluster.setState($0) }
        await cancelWhenGracefulShutdown {
            var meter = LoadMeter()
            while !Task.isCancelled {
                let inFlight = self.dataPlane.activeRequests
                self.cluster.setLoad(NodeLoad(share: meter.read(), inFlight: inFlight))
                try? await Task.sleep(for: Self.period)
            }
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
