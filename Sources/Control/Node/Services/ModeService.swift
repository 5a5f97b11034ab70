import MeshDataPlane
import MeshObservations
import MeshReports
import ServiceLifecycle
import Synchronization

/// Carries out the mode that operators want of this node, which goes on running in all of them.
///
///     normal -- draining --> clients go elsewhere -- drain deadline --> WebSockets are closed
///        ^----- normal ---------/-------------------------------------------/
///
/// Unlike the end of a process, this cuts nothing else: a long answer goes on to its end.
final class ModeService: Service {
    private let dataPlane: DataPlane
    private let state: StateService
    private let deadline: Duration
    private let drainingSince = Mutex<ContinuousClock.Instant?>(nil)

    /// - Parameters:
    ///   - dataPlane: what serves.
    ///   - state: what the mesh is told.
    ///   - deadline: how long WebSockets may stay: `proxy.drain_deadline`.
    init(dataPlane: DataPlane, state: StateService, deadline: Duration) {
        self.dataPlane = dataPlane
        self.state = state
        self.deadline = deadline
    }

    /// Takes what operators want now.
    func set(_ mode: MemberReport.Mode) {
        self.drainingSince.withLock { since in
            since = mode == .normal ? nil : since ?? .now
        }
        self.dataPlane.setClosing(mode != .normal)
        self.state.update { $0.mode = NodeState.Mode(mode) }
    }

    /// Closes the WebSockets of a node that is drained, and those that come although it is, until the
    /// node shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let since = self.drainingSince.withLock { $0 }
                if let since, since.duration(to: .now) >= self.deadline {
                    self.dataPlane.closeWebSockets()
                }
                try? await Task.sleep(for: DataPlane.closingPatience)
            }
        }
    }
}
