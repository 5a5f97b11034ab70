import MeshBalancing
import MeshDataPlane
import MeshHealth
import MeshObservations
import MeshPrimitives
import Synchronization

/// What waits for the health machine.
///
/// Nothing that decides is ever dropped: of what replaces itself the newest waits, what workers saw
/// of one target is summed up, so that its size is bounded by the numbers of targets and peers.
final class HealthInbox: Sendable {
    /// What came since the last time.
    struct Batch: Sendable {
        var upstreams: [SnapshotUpstream]?
        var peers: [HealthPeer]?
        var isIsolated: Bool?
        var marks: [(ids: [TargetID], isHealthy: Bool)] = []
        var reports: [NodeID: MeshHealth.HealthReport] = [:]
        var results: [ProbeResult] = []
        var orders: [StandingOrder]?
        var doubtfulRegions: Set<String>?
        var returns: [NodeID: [RegionReturn]] = [:]
        var observations: [TargetID: TargetObservation] = [:]
    }

    let bell = Doorbell()
    private let batch = Mutex(Batch())

    /// Adds something; returns at once.
    func add(_ body: (inout Batch) -> Void) {
        self.batch.withLock { body(&$0) }
        self.bell.ring()
    }

    /// Adds what a worker saw; returns at once.
    func observed(_ observations: [TargetObservation]) {
        self.add { batch in
            for seen in observations {
                if batch.observations[seen.id]?.add(seen) == nil {
                    batch.observations[seen.id] = seen
                }
            }
        }
    }

    /// Takes all that waits.
    func take() -> Batch {
        self.batch.withLock { batch in
            defer { batch = Batch() }
            return batch
        }
    }
}
