import Foundation
import HashTreeCollections
import MeshChangelog
import MeshPrimitives
import MeshReplication
import MeshReports
import MeshTransport

/// What a node tells the mesh about itself besides its membership; body of a `nodeState` record.
struct NodeState: Codable, Equatable, Sendable {
    /// The mode it is in.
    var mode: MemberReport.Mode = .normal
    /// Generation of the configuration it routes by.
    var configurationGeneration: UInt64 = 0
    /// Hash of the configuration it routes by, 32 hexadecimal digits.
    var configurationHash: String = ContentHash.zero.description
    /// When it began to route by it, wall-clock milliseconds.
    var configurationSince: UInt64 = 0
    /// Why it keeps an older configuration than it holds; empty otherwise.
    var rejection = ""
    /// When it started, wall-clock milliseconds.
    var startedAt: UInt64 = 0
    /// Where its Admin API listens.
    var adminAddress = ""
    /// Share of its processor time in use since the last report, 0 to 1.
    var load: Double = 0
    /// Requests in flight.
    var inFlight = 0

    /// The record of this state, written by the node itself.
    func change(of node: NodeID) -> RecordChange {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let body = (try? encoder.encode(self)).map(Array.init) ?? []
        return RecordChange(key: RecordKey(kind: .nodeState, owner: node), body: body)
    }

    /// Reads a record's body; `nil` when a newer or broken node wrote something else.
    init?(record: Record) {
        guard let state = try? JSONDecoder().decode(NodeState.self, from: Data(record.body)) else {
            return nil
        }
        self = state
    }

    /// Creates the state of a node that has just started.
    init() {}

    /// Which configuration the node routes by, as reports show it.
    var version: ConfigurationVersion {
        ConfigurationVersion(
            generation: self.configurationGeneration,
            hash: self.configurationHash
        )
    }
}

/// What an operator wants of a node; kept in the changelog, beside the configuration.
struct DesiredMode: Equatable, Sendable {
    let mode: MemberReport.Mode

    /// What their keys begin with.
    static let kind = "node-modes"

    /// The key of what is desired of a node.
    static func key(of node: NodeID) -> String { "\(Self.kind)/\(node)" }

    /// The changeset of this desire.
    func draft(of node: NodeID) -> ChangelogDraft {
        ChangelogDraft(
            changes: [Self.key(of: node): Array(self.mode.rawValue.utf8)],
            message: "node \(node) shall be \(self.mode.rawValue)"
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
        var desiredModes: [NodeID: MemberReport.Mode] = [:]
        for (key, entity) in self.state.entities where entity.isAside {
            guard key.hasPrefix("\(DesiredMode.kind)/"),
                let desired = DesiredMode(body: entity.body),
                let node = NodeID(String(key.dropFirst(DesiredMode.kind.utf8.count + 1)))
            else { continue }
            desiredModes[node] = desired.mode
        }
        return desiredModes
    }
}
