internal import MeshPrimitives

extension Replication {
    /// Turns wishes into stamped records, one per key that changes, in the order given.
    func prepare(
        _ changes: [RecordChange],
        with clock: inout HybridClock,
        wallMilliseconds: UInt64
    ) throws(ReplicationError) -> [Record] {
        var drafts: [RecordKey: Record] = [:]
        var order: [RecordKey] = []
        for change in changes {
            try self.check(change)
            let stored = self.table[change.key]?.record
            guard Self.changes(drafts[change.key] ?? stored, by: change) else { continue }
            if drafts[change.key] == nil { order.append(change.key) }
            drafts[change.key] = Record(
                key: change.key,
                version: RecordVersion(
                    stamp: clock.tick(wallMilliseconds: wallMilliseconds),
                    writer: self.node
                ),
                replaces: change.key.kind.isDurable ? stored?.version : nil,
                isTombstone: change.body == nil,
                body: change.body ?? []
            )
        }
        return order.compactMap { drafts[$0] }
    }

    private func check(_ change: RecordChange) throws(ReplicationError) {
        let key = change.key
        guard key.isValid else { throw .invalidName(key) }
        let count = change.body?.count ?? 0
        let limit = self.configuration.bodyByteLimit
        guard count <= limit else { throw .bodyTooLarge(key, byteCount: count, limit: limit) }
        guard !key.kind.isOwned || key.owner == self.node else { throw .foreignOwner(key) }
    }

    /// Whether a change is worth a record: new content, or the renewal of an ephemeral record.
    private static func changes(_ current: Record?, by change: RecordChange) -> Bool {
        guard let body = change.body else { return current.map { !$0.isTombstone } ?? false }
        guard let current, !current.isTombstone, change.key.kind.isDurable else { return true }
        return current.body != body
    }
}
