import Foundation
import MeshPrimitives
import MeshReplication
import MeshReports

/// What a node tells the mesh about itself besides its membership; body of a `nodeState` record.
struct NodeState: Codable, Equatable, Sendable {
    /// The mode it is in.
    var mode: MemberReport.Mode = .normal
    /// Raw hybrid stamp of the configuration it routes by.
    var configurationStamp: UInt64 = 0
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
        let stamp = HybridTimestamp(rawValue: self.configurationStamp)
        return ConfigurationVersion(
            milliseconds: stamp.milliseconds,
            counter: UInt16(truncatingIfNeeded: stamp.rawValue),
            hash: self.configurationHash
        )
    }
}

/// What an operator wants of a node; body of a `nodeMode` record, which any node may write.
struct NodeWish: Equatable, Sendable {
    let mode: MemberReport.Mode

    /// The record of this wish.
    func change(of node: NodeID) -> RecordChange {
        RecordChange(
            key: RecordKey(kind: .nodeMode, name: node.description),
            body: Array(self.mode.rawValue.utf8)
        )
    }

    init(mode: MemberReport.Mode) { self.mode = mode }

    /// Reads a record's body; `nil` when it names no mode this version knows.
    init?(record: Record) {
        let word = String(decoding: record.body, as: UTF8.self)
        guard let mode = MemberReport.Mode(rawValue: word) else { return nil }
        self.mode = mode
    }
}
