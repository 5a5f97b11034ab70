import MeshHealth
import Synchronization

/// How often targets went out of use and why, and which upstreams panic; for metrics.
final class HealthTally: Sendable {
    /// A group of targets that panics.
    struct Place: Hashable, Sendable {
        let upstream: String
        let region: String
    }

    /// A target under its names.
    struct Target: Hashable, Sendable {
        static let other = Self(upstream: "other", name: "other")

        let upstream: String
        let name: String
    }

    /// Targets whose number is counted apart: 2,000; all that come later are counted as one.
    private static let targetLimit = 2_000

    private struct Counts {
        var ejections: [HealthReason: UInt64] = [:]
        var targets: [Target: UInt64] = [:]
        var panics: Set<Place> = []
    }

    private let counts = Mutex(Counts())

    /// Times that a target went out of use, by the reason.
    var ejections: [HealthReason: UInt64] { self.counts.withLock { $0.ejections } }

    /// Times that each target went out of use that ever did.
    var targets: [Target: UInt64] { self.counts.withLock { $0.targets } }

    /// Where less than half of the capacity is left, so that doubtful targets serve.
    var panics: Set<Place> { self.counts.withLock { $0.panics } }

    func count(_ event: HealthEvent) {
        let isOut = event.stage == .suspect || event.stage == .down
        let wasOut = [.suspect, .down, .trial, .draining, .disabled].contains(event.before)
        guard isOut, !wasOut else { return }
        let target = Target(upstream: event.target.upstream, name: event.target.name)
        self.counts.withLock { counts in
            counts.ejections[event.reason, default: 0] += 1
            let isNew = counts.targets[target] == nil
            let isKnown = !isNew || counts.targets.count < Self.targetLimit
            counts.targets[isKnown ? target : .other, default: 0] += 1
        }
    }

    func count(panic upstream: String, _ region: String, _ isPanicking: Bool) {
        let place = Place(upstream: upstream, region: region)
        self.counts.withLock { counts in
            if isPanicking { counts.panics.insert(place) } else { counts.panics.remove(place) }
        }
    }
}
