public import MeshPrimitives

/// All that one node says of targets; a new one replaces the one before whole.
///
/// Only targets of which there is more to say than that they are up are in it, so that a quiet
/// day's report is empty.
public struct HealthReport: Equatable, Sendable {
    /// The most votes that are read from a report: 16,384.
    public static let maximumVotes = 16_384

    /// Whether the observer distrusts its own network; its votes do not count then.
    public var isAbstaining = false
    /// Its votes; a target that is not here is up, as far as it knows.
    public var votes: [TargetID: HealthVote] = [:]

    /// Creates the report of a node that has nothing to say.
    public init() {}

    /// The wire form: version 2, flags, count, then 15 bytes a vote, by target.
    ///
    /// Votes beyond ``maximumVotes`` are left out, those against a target last.
    public var encoded: [UInt8] {
        var votes = self.votes.sorted { $0.key < $1.key }
        if votes.count > Self.maximumVotes {
            votes = votes.filter(\.value.isAgainst) + votes.filter { !$0.value.isAgainst }
            votes.removeLast(votes.count - Self.maximumVotes)
        }
        var writer = ByteWriter(capacity: 4 + votes.count * 15)
        writer.append(2)
        writer.append(self.isAbstaining ? 1 : 0)
        writer.write(UInt16(clamping: votes.count))
        for (id, vote) in votes {
            writer.write(id.rawValue)
            writer.append(vote.stance.rawValue)
            writer.append(vote.reason.rawValue)
            writer.append(vote.isChecker ? 1 : 0)
            writer.write(vote.successes)
            writer.write(vote.failures)
        }
        return writer.bytes
    }

    /// Reads the wire form.
    ///
    /// - Throws: ``MeshPrimitives/ByteReaderError`` when it is cut short, of another version, or
    ///   has more than ``maximumVotes``.
    public init(decoding bytes: [UInt8]) throws(ByteReaderError) {
        var reader = ByteReader(bytes)
        let version: UInt8 = try reader.read()
        guard version == 2 else {
            throw .invalidValue(field: "health.version", found: UInt64(version))
        }
        let flags: UInt8 = try reader.read()
        let count: UInt16 = try reader.read()
        guard count <= Self.maximumVotes else {
            throw .tooLarge(found: Int(count), limit: Self.maximumVotes)
        }
        self.isAbstaining = flags & 1 != 0
        for _ in 0..<count {
            let id: UInt64 = try reader.read()
            self.votes[TargetID(rawValue: id)] = try HealthVote(reading: &reader)
        }
    }
}

extension HealthVote {
    fileprivate init(reading reader: inout ByteReader) throws(ByteReaderError) {
        let stance: UInt8 = try reader.read()
        let reason: UInt8 = try reader.read()
        let flags: UInt8 = try reader.read()
        guard let stance = HealthStance(rawValue: stance) else {
            throw .invalidValue(field: "health.stance", found: UInt64(stance))
        }
        self.init(
            stance: stance,
            reason: HealthReason(rawValue: reason) ?? .none,
            isChecker: flags & 1 != 0,
            successes: try reader.read(),
            failures: try reader.read()
        )
    }
}
