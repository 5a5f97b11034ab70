public import MeshReplication

/// One lost edit: two writers changed the same record without seeing each other.
public struct StoredConflict: Equatable, Sendable {
    /// When it was noticed, in wall-clock milliseconds since 1970.
    public let noticed: UInt64
    /// What every node has now.
    public let winner: Record
    /// What was lost, whole.
    public let loser: Record

    /// Creates an entry.
    public init(noticed: UInt64, winner: Record, loser: Record) {
        self.noticed = noticed
        self.winner = winner
        self.loser = loser
    }
}
