import Foundation
import MeshPrimitives
import MeshReplication
import MeshReports

/// What one region's relays see of one region; body of a `regionSummary` record.
struct RegionSummary: Codable, Equatable, Sendable {
    /// The region that the writer stands in.
    var observer: String
    /// The region that is described.
    var region: String
    /// Members of it that did not leave.
    var members: Int
    /// Members of it that are alive.
    var alive: Int

    /// The record of this summary, written by relay `node`.
    func change(of node: NodeID) -> RecordChange {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let body = (try? encoder.encode(self)).map(Array.init) ?? []
        let key = RecordKey(kind: .regionSummary, owner: node, suffix: self.region)
        return RecordChange(key: key, body: body)
    }

    init(observer: String, region: String, members: Int, alive: Int) {
        self.observer = observer
        self.region = region
        self.members = members
        self.alive = alive
    }

    /// Reads a record's body; `nil` when a newer or broken node wrote something else.
    init?(record: Record) {
        guard
            let summary = try? JSONDecoder().decode(RegionSummary.self, from: Data(record.body))
        else { return nil }
        self = summary
    }
}

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

    /// Whether `node` is one of the two relays of its region: rendezvous hashing over those alive.
    static func isRelay(_ node: NodeID, of region: String, alive: [NodeID]) -> Bool {
        var salt: UInt64 = 0
        for byte in region.utf8 { salt = SeededGenerator.mix(salt ^ UInt64(byte)) }
        let ranked = alive.sorted {
            SeededGenerator.mix($0.low ^ $0.high ^ salt)
                > SeededGenerator.mix($1.low ^ $1.high ^ salt)
        }
        return ranked.prefix(2).contains(node)
    }
}
