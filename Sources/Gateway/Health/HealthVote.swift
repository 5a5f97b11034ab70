/// What one node thinks of a target.
public enum HealthStance: UInt8, Sendable, CaseIterable {
    /// The target answers, though somebody says or saw that it does not.
    case up = 0
    /// Own traffic failed and no check has confirmed or refuted it yet.
    case suspect = 1
    /// The target is out of use by own evidence.
    case down = 2
}

/// The evidence behind a stance.
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
    /// Far more of its attempts fail than of those to its like.
    case failureRate = 6
    /// It answers far more slowly than its like.
    case slow = 7
    /// Requests wait at it while its like answer.
    case stuck = 8
    /// It was out of use and has answered its trials.
    case proven = 9
    /// The user's circuit breaker has opened.
    case breaker = 10
    /// An operator has said so.
    case word = 11

    /// The word shown to operators.
    public var word: String {
        switch self {
        case .none: "no evidence"
        case .answering: "answers"
        case .connectFailed: "connection failed"
        case .broken: "connection broke"
        case .timedOut: "timed out"
        case .unhealthyStatus: "unhealthy status"
        case .failureRate: "too many failures"
        case .slow: "slower than its peers"
        case .stuck: "stopped answering"
        case .proven: "answered its trials"
        case .breaker: "circuit breaker open"
        case .word: "set by hand"
        }
    }
}

/// What one node says of one target of which there is more to say than that it is up.
public struct HealthVote: Hashable, Sendable {
    /// What the observer thinks.
    public let stance: HealthStance
    /// Why.
    public let reason: HealthReason
    /// Whether the observer actively checks the target.
    public let isChecker: Bool
    /// Attempts and checks of about the last ten seconds that succeeded, saturating.
    public let successes: UInt16
    /// Attempts and checks of about the last ten seconds that failed, saturating.
    public let failures: UInt16

    /// Creates a vote.
    public init(
        stance: HealthStance,
        reason: HealthReason,
        isChecker: Bool,
        successes: UInt16 = 0,
        failures: UInt16 = 0
    ) {
        self.stance = stance
        self.reason = reason
        self.isChecker = isChecker
        self.successes = successes
        self.failures = failures
    }

    /// Whether it speaks against the target.
    public var isAgainst: Bool { self.stance != .up }

    /// Whether it answers those who speak against the target.
    var refutes: Bool {
        self.stance == .up && (self.reason == .answering || self.reason == .proven)
    }

    /// Whether two votes mean the same, whatever they counted meanwhile.
    func means(_ other: HealthVote) -> Bool {
        self.stance == other.stance && self.reason == other.reason
            && self.isChecker == other.isChecker
    }
}
