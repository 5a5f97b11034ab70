public import MeshPrimitives

/// What one node currently thinks of the targets it knows something about.
public enum HealthVote: UInt8, Sendable, CaseIterable {
    /// The target answers.
    case up = 0
    /// Own traffic failed and no check has confirmed or refuted it yet.
    case suspect = 1
    /// The target is out of use by own evidence.
    case down = 2
}

/// The evidence behind a vote.
public enum HealthReason: UInt8, Sendable, CaseIterable {
    /// Nothing seen yet.
    case none = 0
    /// It answers.
    case answering = 1
    /// Connections are refused or fail.
    case connectFailed = 2
    /// Connections break before a response.
    case broken = 3
    /// Attempts run into their timeout.
    case timedOut = 4
    /// It answers with statuses that count as failures.
    case unhealthyStatus = 5

    /// The word shown to operators.
    public var word: String {
        switch self {
        case .none: "no evidence"
        case .answering: "answers"
        case .connectFailed: "connection failed"
        case .broken: "connection broke"
        case .timedOut: "timed out"
        case .unhealthyStatus: "unhealthy status"
        }
    }
}

/// One observer's packed health record; a new one replaces the old one whole.
///
/// Keyed by observer, so that a mass failure makes no more records than a quiet day.
public struct HealthReport: Equatable, Sendable {
    /// One target's line.
    public struct Entry: Equatable, Sendable {
        /// The target.
        public let id: TargetID
        /// What the observer thinks.
        public let vote: HealthVote
        /// Why.
        public let reason: HealthReason
        /// Whether the observer actively checks the target.
        public let isChecker: Bool
        /// Successes since the last failure, saturating.
        public let successes: UInt32
        /// Failures since the last success, saturating.
        public let failures: UInt32

        /// Creates a line.
        public init(
            id: TargetID,
            vote: HealthVote,
            reason: HealthReason,
            isChecker: Bool,
            successes: UInt32,
            failures: UInt32
        ) {
            self.id = id
            self.vote = vote
            self.reason = reason
            self.isChecker = isChecker
            self.successes = successes
            self.failures = failures
        }
    }

    /// The most entries that are read from a report: 16,384.
    public static let maximumEntries = 16_384

    /// Whether the observer distrusts its own network; its votes against targets do not count then.
    public let isAbstaining: Bool
    /// The targets it knows something about.
    public let entries: [Entry]

    /// Creates a report.
    public init(isAbstaining: Bool, entries: [Entry]) {
        self.isAbstaining = isAbstaining
        self.entries = entries
    }

    /// The wire form: version 1, flags, count, then 19 bytes an entry.
    public var encoded: [UInt8] {
        var writer = ByteWriter(capacity: 4 + self.entries.count * 19)
        writer.append(1)
        writer.append(self.isAbstaining ? 1 : 0)
        writer.write(UInt16(clamping: self.entries.count))
        for entry in self.entries.prefix(Int(UInt16.max)) {
            writer.write(entry.id.rawValue)
            writer.append(entry.vote.rawValue)
            writer.append(entry.reason.rawValue)
            writer.append(entry.isChecker ? 1 : 0)
            writer.write(entry.successes)
            writer.write(entry.failures)
        }
        return writer.bytes
    }

    /// Reads the wire form.
    ///
    /// - Throws: ``MeshPrimitives/ByteReaderError`` when it is cut short, of another version, or
    ///   has more than ``maximumEntries``.
    public init(decoding bytes: [UInt8]) throws(ByteReaderError) {
        var reader = ByteReader(bytes)
        let version: UInt8 = try reader.read()
        guard version == 1 else {
            throw .invalidValue(field: "health.version", found: UInt64(version))
        }
        let flags: UInt8 = try reader.read()
        let count: UInt16 = try reader.read()
        guard count <= Self.maximumEntries else {
            throw .tooLarge(found: Int(count), limit: Self.maximumEntries)
        }
        var entries: [Entry] = []
        for _ in 0..<count { entries.append(try Entry(reading: &reader)) }
        self.init(isAbstaining: flags & 1 != 0, entries: entries)
    }
}

extension HealthReport.Entry {
    fileprivate init(reading reader: inout ByteReader) throws(ByteReaderError) {
        let id: UInt64 = try reader.read()
        let vote: UInt8 = try reader.read()
        let reason: UInt8 = try reader.read()
        let flags: UInt8 = try reader.read()
        guard let vote = HealthVote(rawValue: vote) else {
            throw .invalidValue(field: "health.vote", found: UInt64(vote))
        }
        self.init(
            id: TargetID(rawValue: id),
            vote: vote,
            reason: HealthReason(rawValue: reason) ?? .none,
            isChecker: flags & 1 != 0,
            successes: try reader.read(),
            failures: try reader.read()
        )
    }
}
