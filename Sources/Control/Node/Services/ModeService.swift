import MeshDataPlane
import MeshPrimitives
import MeshReports
import ServiceLifecycle
import Synchronization

/// Carries out the mode that operators want of this node, which goes on running in all of them.
///
///     normal -- draining --> clients go elsewhere -- drain deadline --> what is left is cut
///        ^----- normal ---------/-------------------------------------------/
///
/// From the deadline on WebSockets are closed, and requests that have lasted for so long are cut as the
/// node's own doing: it shall be empty in a time that is known.
final class ModeService: Service {
    private let dataPlane: DataPlane
    private let state: StateService
    private let deadline: Duration
    private let drainingSince = Mutex<ContinuousClock.Instant?>(nil)

    /// - Parameters:
    ///   - dataPlane: what serves.
    ///   - state: what the mesh is told.
    ///   - deadline: how long requests and WebSockets may stay: `proxy.drain_deadline`.
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
        self.state.set(NodeMode(mode))
    }

    /// Cuts what lasts too long on a node that is drained, also what comes although it is, until the node
    /// shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let since = self.drainingSince.withLock { $0 }
                if let since, since.duration(to: .now) >= self.deadline {
                    self.dataPlane.closeWebSockets()
                    self.dataPlane.cutRequests(olderThan: self.deadline)
                }
                try? await Task.sleep(for: DataPlane.closingPatience)
            }
        }
    }
}
