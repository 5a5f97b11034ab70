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

/// What one observer says of targets that are not plainly up; a new one replaces the old one whole.
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

    /// The most entries of a report: 16,384.
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
}
