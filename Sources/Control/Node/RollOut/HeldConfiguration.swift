import MeshChangelog
import MeshPrimitives
import MeshTransport
import Synchronization

/// Which configuration a node may route by: the newest, or, while a roll-out holds the node back, the
/// one before it.
final class HeldConfiguration: Sendable {
    private let cluster: ClusterService
    private let node: NodeID
    /// What stood before the roll-out with this id; `nil` when that is folded, so that nothing older
    /// than the newest is known.
    private let before = Mutex<(id: String, state: ClusterConfigurationState?)?>(nil)

    init(cluster: ClusterService, node: NodeID) {
        self.cluster = cluster
        self.node = node
    }

    /// What to route by in place of the newest; `nil` for the newest itself.
    func instead(of latest: ClusterConfigurationState) async -> ClusterConfigurationState? {
        guard let rollOut = latest.rollOut, !rollOut.isReleased(self.node) else {
            self.before.withLock { $0 = nil }
            return nil
        }
        if let known = self.before.withLock({ $0 }), known.id == rollOut.id { return known.state }
        let history = await self.cluster.history()
        let found = history.flatMap { history -> ClusterConfigurationState? in
            guard let step = history.beginning(of: rollOut) else { return nil }
            return ClusterConfigurationState(
                head: ChangelogHead(
                    generation: step.entry.changeset.generation - 1,
                    hash: step.before.hash
                ),
                state: step.before
            )
        }
        self.before.withLock { $0 = (rollOut.id, found) }
        return found
    }
}
