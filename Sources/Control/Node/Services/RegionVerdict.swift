import MeshObservations
import MeshPrimitives
import MeshReports

/// The verdict about a region's nodes, from the own view and the relays' summaries.
///
/// A region that this node cannot reach is down when most of the other regions that have told lately
/// see nobody there; otherwise it is unreachable from here. With two regions it is therefore never
/// called down. A region of which this node sees members is degraded when most others see none.
enum RegionVerdict {
    /// The state of `region` as seen from the region `observer`, of whose members this node sees
    /// `alive` and counts `failed`; `summaries` are the fresh ones of all relays.
    ///
    /// A member under suspicion is neither: on a lossy path one is suspected again and again.
    static func state(
        of region: String,
        seenFrom observer: String,
        alive: Int,
        failed: Int,
        summaries: [RegionSummary]
    ) -> RegionReport.State {
        let others = summaries.filter {
            $0.region == region && $0.observer != observer && $0.observer != region
        }
        // A region has one voice, however many relays it has: the best that one of them sees.
        let voices = Dictionary(grouping: others, by: \.observer).values.map { words in
            words.contains { $0.alive > 0 }
        }
        let isMissed = voices.count { !$0 } * 2 > voices.count
        if alive > 0 { return failed > 0 || isMissed ? .degraded : .up }
        return isMissed ? .down : .unreachable
    }
}

/// Verdicts that stand: a new one counts when it has not changed for a while, a worse one sooner than
/// a better one.
struct SteadyVerdicts {
    /// How long a worse verdict must stand: 2 s.
    static let patience = Duration.seconds(2)
    /// How long a better verdict must stand: 5 s.
    static let caution = Duration.seconds(5)

    private struct Candidate {
        var state: RegionReport.State
        var since: MonotonicInstant
    }

    private(set) var states: [String: RegionReport.State] = [:]
    private var candidates: [String: Candidate] = [:]

    /// Takes in what is seen of every region now; gives which verdicts have changed.
    mutating func take(
        _ seen: [String: RegionReport.State],
        at now: MonotonicInstant
    ) -> [String: RegionReport.State] {
        var changes: [String: RegionReport.State] = [:]
        for (region, state) in seen {
            guard let before = self.states[region] else {
                self.states[region] = state
                changes[region] = state
                continue
            }
            guard state != before else {
                self.candidates[region] = nil
                continue
            }
            if self.candidates[region]?.state != state {
                self.candidates[region] = Candidate(state: state, since: now)
            }
            guard let since = self.candidates[region]?.since else { continue }
            let wait = state.badness > before.badness ? Self.patience : Self.caution
            guard now >= since.advanced(by: wait) else { continue }
            self.candidates[region] = nil
            self.states[region] = state
            changes[region] = state
        }
        for region in self.states.keys where seen[region] == nil {
            self.states[region] = nil
            self.candidates[region] = nil
        }
        return changes
    }
}

extension RegionReport.State {
    /// How bad it is, to order changes.
    fileprivate var badness: Int {
        switch self {
        case .up: 0
        case .degraded: 1
        case .unreachable: 2
        case .down: 3
        }
    }

    /// Whether traffic may return to such a region.
    var isDoubtful: Bool { self.badness >= 2 }
}
