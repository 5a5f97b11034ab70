import MeshPrimitives
import MeshReplication

/// Checks that what was acknowledged stays, that deletions stay, and that stores agree in the end.
struct StoreChecker {
    private struct Cell: Hashable {
        let node: Int
        let key: RecordKey
    }

    private var acknowledged: [RecordKey: (version: RecordVersion, node: Int)] = [:]
    private var seen: [Cell: RecordVersion] = [:]

    /// Notes a write that a node told its operator is done.
    mutating func acknowledge(_ record: Record, at node: Int) {
        if let known = self.acknowledged[record.key], known.version > record.version { return }
        self.acknowledged[record.key] = (record.version, node)
    }

    /// Forgets what a node held, since its disk is new; only it held what it just acknowledged.
    mutating func wipe(_ node: Int) {
        self.seen = self.seen.filter { $0.key.node != node }
        self.acknowledged = self.acknowledged.filter { $0.value.node != node }
    }

    /// Judges a record that became visible at a node.
    mutating func check(_ record: Record, at node: Int, _ now: MonotonicInstant) -> Violation? {
        let cell = Cell(node: node, key: record.key)
        let before = self.seen.updateValue(record.version, forKey: cell)
        guard let before, record.version < before else { return nil }
        return Violation(
            promise: .versionOrder,
            at: now,
            text: "node \(node) went back from \(before) to \(record.version) of \(record.key)"
        )
    }

    /// Judges all stores after quiet; writes of nodes that are still down are not expected.
    func checkQuiet(
        _ stores: [(node: Int, replication: Replication)],
        down: Set<Int>,
        at now: MonotonicInstant
    ) -> Violation? {
        guard let first = stores.first else { return nil }
        for store in stores where store.replication.rootDigest != first.replication.rootDigest {
            return Violation(
                promise: .equalStores,
                at: now,
                text: "nodes \(first.node) and \(store.node) hold different records"
            )
        }
        for key in self.acknowledged.keys.sorted() {
            guard let write = self.acknowledged[key], !down.contains(write.node) else { continue }
            let found = first.replication.record(key)?.version
            guard found.map({ $0 < write.version }) ?? true else { continue }
            return Violation(
                promise: .durability,
                at: now,
                text: "\(key) was acknowledged as \(write.version) but is "
                    + (found.map { "\($0)" } ?? "gone")
            )
        }
        return nil
    }
}
