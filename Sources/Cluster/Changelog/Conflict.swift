internal import MeshPrimitives

/// Two changesets that changed one entity without their writers having seen each other.
///
/// Nothing is lost by it: the later in the order stands, the other one's content is kept here, and
/// applying it again is one more changeset.
public struct Conflict: Equatable, Sendable {
    /// One side.
    public struct Side: Equatable, Sendable {
        /// The changeset; `nil` when it is older than what is remembered.
        public let changeset: ChangesetID?
        /// What it made of the entity; `nil`: deleted it.
        public let body: [UInt8]?

        /// Creates a side.
        public init(changeset: ChangesetID?, body: [UInt8]?) {
            self.changeset = changeset
            self.body = body
        }
    }

    /// The entity.
    public let key: String
    /// What stood afterwards.
    public let winner: Side
    /// What did not stand.
    public let loser: Side

    /// Creates a conflict.
    public init(key: String, winner: Side, loser: Side) {
        self.key = key
        self.winner = winner
        self.loser = loser
    }
}

/// What became of a changeset in its place in the order.
public enum ChangesetOutcome: Equatable, Sendable {
    /// It stands; where it replaced what its writer had not seen, the conflicts say so.
    case applied([Conflict])
    /// It would have broken a rule that every configuration obeys, and changes nothing.
    case refused(reason: String)
    /// It repeats one that is in the log already, and changes nothing.
    case repeated
}

extension Conflict {
    /// Encodes conflicts, for the disk.
    public static func encoded(_ conflicts: [Conflict]) -> [UInt8] {
        var writer = ByteWriter(capacity: 4_096)
        for conflict in conflicts {
            writer.write(conflict.key)
            for side in [conflict.winner, conflict.loser] {
                writer.writeOptional(side.changeset) { $0.write($1) }
                writer.writeOptional(side.body) { $0.write(sized: $1) }
            }
        }
        return writer.bytes
    }

    /// Reads conflicts from the disk; stops at what is none.
    public static func decoded(_ bytes: [UInt8]) -> [Conflict] {
        var reader = ByteReader(bytes)
        var conflicts: [Conflict] = []
        while reader.remaining > 0 {
            guard let key = try? reader.readString(), let winner = try? reader.readSide(),
                let loser = try? reader.readSide()
            else { break }
            conflicts.append(Conflict(key: key, winner: winner, loser: loser))
        }
        return conflicts
    }
}

extension ByteReader {
    fileprivate mutating func readSide() throws(ByteReaderError) -> Conflict.Side {
        Conflict.Side(
            changeset: try self.readFlag() ? try self.readChangesetID() : nil,
            body: try self.readFlag() ? try self.readSized(limit: self.remaining) : nil
        )
    }
}
