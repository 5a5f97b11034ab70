internal import MeshPrimitives

/// What a store remembers of records it does not hold, each with a bound.
struct ReplicationMemory: Sendable {
    /// One write.
    struct Write: Hashable, Sendable {
        let key: RecordKey
        let version: RecordVersion
    }

    /// Conflicts reported already, by loser.
    var conflicts = RecentMap<Write, Bool>(limit: 1_024)
    /// Refused stamps reported already.
    var refusals = RecentMap<Write, Bool>(limit: 1_024)
    /// The last version of ephemeral records that ended; these never come back.
    var ended = RecentMap<RecordKey, RecordVersion>(limit: 16_384)
    /// The version of deletions that were forgotten.
    ///
    /// A peer that was away longer than ``ReplicationConfiguration/tombstoneAge`` may bring the
    /// deleted record back; then the deletion is put in again instead.
    var collected = RecentMap<RecordKey, RecordVersion>(limit: 16_384)
    /// When a peer's digest was last answered.
    var answers = RecentMap<NodeID, MonotonicInstant>(limit: 4_096)
}
