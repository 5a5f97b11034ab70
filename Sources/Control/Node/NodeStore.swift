import Foundation
import MeshPrimitives
import MeshReplication
import MeshStorage

/// What the node keeps on disk, opened: identity, boot count, records, known members.
struct NodeStore: Sendable {
    let records: RecordStore
    let node: NodeID
    /// How many times this node has started, this start included.
    let boot: UInt64

    private static let nodeKey = "node_id"
    private static let bootKey = "boot"

    /// Opens the store in `directory`, creating what is missing, and counts the start.
    ///
    /// - Throws: what the store says about a damaged file or a directory it cannot use.
    init(directory: String) throws {
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        self.records = try RecordStore(path: directory + "/meshgate.sqlite")
        if let known = try self.records.text(Self.nodeKey), let node = NodeID(known) {
            self.node = node
        } else {
            var generator = SystemRandomNumberGenerator()
            self.node = NodeID(high: generator.next(), low: generator.next())
            try self.records.setValue(Array(self.node.description.utf8), for: Self.nodeKey)
        }
        let boots = try self.records.text(Self.bootKey).flatMap(UInt64.init) ?? 0
        self.boot = boots + 1
        try self.records.setValue(Array(String(self.boot).utf8), for: Self.bootKey)
    }
}

extension RecordStore {
    fileprivate func text(_ name: String) throws -> String? {
        try self.value(name).map { String(decoding: $0, as: UTF8.self) }
    }
}
