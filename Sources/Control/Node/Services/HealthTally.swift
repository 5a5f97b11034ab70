import MeshHealth
import Synchronization

/// How often targets went out of use and why, and which upstreams panic; for metrics.
final class HealthTally: Sendable {
    /// A group of targets that panics.
    struct Place: Hashable, Sendable {
        let upstream: String
        let region: String
    }

    private struct Counts {
        var ejections: [HealthReason: UInt64] = [:]
        var panics: Set<Place> = []
    }

    private let counts = Mutex(Counts())

    /// Times that a target went out of use, by the reason.
    var ejections: [HealthReason: UInt64] { self.counts.withLock { $0.ejections } }

    /// Where less than half of the capacity is left, so that doubtful targets serve.
    var panics: Set<Place> { self.counts.withLock { $0.panics } }

    func count(_ event: HealthEvent) {
        let isOut = event.stage == .suspect || event.stage == .down
        let wasOut = [.suspect, .down, .trial, .draining, .disabled].contains(event.before)
        guard isOut, !wasOut else { return }
        self.counts.withLock { $0.ejections[event.reason, default: 0] += 1 }
    }

    func count(panic upstream: String, _ region: String, _ isPanicking: Bool) {
        let place = Place(upstream: upstream, region: region)
        self.counts.withLock { counts in
            if isPanicking { counts.panics.insert(place) } else { counts.panics.remove(place) }
        }
    }
}
