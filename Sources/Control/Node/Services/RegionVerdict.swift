import MeshObservations
import MeshReports

/// The verdict about a region's nodes, from the own view and the relays' summaries.
///
/// A region that this node cannot reach is down only when a third region's relays have told lately
/// and none of them sees anybody there; otherwise it is unreachable from here. With two regions it
/// is therefore never called down. Votes are not counted: one relay that sees a member is enough.
enum RegionVerdict {
    /// The state of `region` as seen from the region `observer`, of whose `members` (those that did
    /// not leave) this node sees `alive`; `summaries` are the fresh ones of all relays.
    static func state(
        of region: String,
        seenFrom observer: String,
        alive: Int,
        members: Int,
        summaries: [RegionSummary]
    ) -> RegionReport.State {
        if alive > 0 { return alive < members ? .degraded : .up }
        let others = summaries.filter {
            $0.region == region && $0.observer != observer && $0.observer != region
        }
        if others.contains(where: { $0.alive > 0 }) { return .unreachable }
        return others.isEmpty ? .unreachable : .down
    }
}
