import HashTreeCollections
import MeshChangelog
import MeshPrimitives
import MeshReports
import MeshTransport

/// What an operator wants of a node; kept in the changelog, beside the configuration.
struct DesiredMode: Equatable, Sendable {
    let mode: MemberReport.Mode

    /// What their keys begin with.
    static let kind = "node-modes"

    /// The key of what is desired of a node.
    static func key(of node: NodeID) -> String { "\(Self.kind)/\(node)" }

    /// The changeset of this desire.
    func draft(of node: NodeID, called name: String, by author: String) -> ChangelogDraft {
        ChangelogDraft(
            changes: [Self.key(of: node): Array(self.mode.rawValue.utf8)],
            author: author,
            message: "node \(name) shall be \(self.mode.rawValue)"
        )
    }

    init(mode: MemberReport.Mode) { self.mode = mode }

    /// Reads what is kept; `nil` when it names no mode this version knows.
    init?(body: [UInt8]) {
        let word = String(decoding: body, as: UTF8.self)
        guard let mode = MemberReport.Mode(rawValue: word) else { return nil }
        self.mode = mode
    }
}

extension ClusterConfigurationState {
    /// What operators want of nodes; normal where nothing is said.
    var desiredModes: [NodeID: MemberReport.Mode] {
        var modes: [NodeID: MemberReport.Mode] = [:]
        for key in self.state.asideKeys {
            guard key.hasPrefix("\(DesiredMode.kind)/"), let entity = self.state.entities[key],
                let desired = DesiredMode(body: entity.body),
                let node = NodeID(String(key.dropFirst(DesiredMode.kind.utf8.count + 1)))
            else { continue }
            modes[node] = desired.mode
        }
        return modes
    }
}
