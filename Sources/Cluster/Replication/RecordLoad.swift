internal import MeshPrimitives

/// Counts what a table holds against its bounds, so that no peer can grow it without end.
struct RecordLoad: Equatable, Sendable {
    /// Deletions of durable kinds.
    private(set) var tombstones = 0
    private var durable = 0
    private var ephemeral = 0
    private var unknown = 0
    private var bodyByteCount = 0
    private var ephemeralByWriter: [NodeID: Int] = [:]

    /// Accounts for one record taking another's place; `nil` for none.
    mutating func replace(_ old: Record?, by new: Record?) {
        if let old { self.count(old, by: -1) }
        if let new { self.count(new, by: 1) }
    }

    /// The name of the bound that refuses `new`, if any.
    func refusal(
        of new: Record,
        replacing old: Record?,
        configuration: ReplicationConfiguration
    ) -> String? {
        let bytes = self.bodyByteCount - (old?.body.count ?? 0) + new.body.count
        if bytes > configuration.tableByteLimit, new.body.count > (old?.body.count ?? 0) {
            return "tableByteLimit"
        }
        let kind = new.key.kind
        if !kind.isDurable, old?.version.writer != new.version.writer,
            (self.ephemeralByWriter[new.version.writer] ?? 0)
                >= configuration.ephemeralLimitPerWriter
        {
            return "ephemeralLimitPerWriter"
        }
        guard old == nil else { return nil }
        if !kind.isKnown, self.unknown >= configuration.unknownLimit { return "unknownLimit" }
        if kind.isDurable {
            return self.durable < configuration.durableLimit ? nil : "durableLimit"
        }
        return self.ephemeral < configuration.ephemeralLimit ? nil : "ephemeralLimit"
    }

    private mutating func count(_ record: Record, by step: Int) {
        self.bodyByteCount += step * record.body.count
        if !record.key.kind.isKnown { self.unknown += step }
        if record.key.kind.isDurable {
            self.durable += step
            if record.isTombstone { self.tombstones += step }
        } else {
            self.ephemeral += step
            let writer = record.version.writer
            let left = (self.ephemeralByWriter[writer] ?? 0) + step
            self.ephemeralByWriter[writer] = left == 0 ? nil : left
        }
    }
}
