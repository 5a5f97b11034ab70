public import MeshPrimitives

/// What one node says of one target that is not plainly up.
public struct TargetVote: Hashable, Sendable {
    /// What a node can think of a target.
    public enum Stance: UInt8, CaseIterable, Sendable {
        /// The target answers, though somebody says that it does not.
        case up = 0
        /// Own traffic failed and no check has confirmed or refuted it yet.
        case suspect = 1
        /// The target is out of use by own evidence.
        case down = 2
    }

    /// What the observer thinks.
    public let stance: Stance
    /// Why, as a number of the health core; unknown ones are kept.
    public let reason: UInt8
    /// Whether the observer checks the target actively.
    public let isChecker: Bool
    /// Successes since the last failure, saturating.
    public let successes: UInt16
    /// Failures since the last success, saturating.
    public let failures: UInt16

    /// Bytes on the wire: stance and checker 1, reason 1, counts 4.
    public static let wireByteCount = 6

    /// Creates a vote.
    public init(
        stance: Stance,
        reason: UInt8,
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

    /// Whether two votes mean the same, whatever they counted meanwhile.
    func means(_ other: TargetVote) -> Bool {
        self.stance == other.stance && self.reason == other.reason
            && self.isChecker == other.isChecker
    }
}

/// What a relay says that its region thinks of one target, to nodes of other regions.
public struct RegionVote: Hashable, Sendable {
    /// Nodes of the region that speak against the target, saturating.
    public let against: UInt16
    /// The worst they say.
    public let stance: TargetVote.Stance
    /// The reason of one that says so.
    public let reason: UInt8

    /// Bytes on the wire: count 2, stance 1, reason 1.
    public static let wireByteCount = 4

    /// Creates a sum of votes.
    public init(against: UInt16, stance: TargetVote.Stance, reason: UInt8) {
        self.against = against
        self.stance = stance
        self.reason = reason
    }
}

/// All that one observer says of targets.
public struct ObserverVotes: Equatable, Sendable {
    /// Whether the observer distrusts its own network; its votes against targets do not count then.
    public var isAbstaining = false
    /// Its votes; a target that is not here is up, as far as it knows.
    public var votes: [TargetID: TargetVote] = [:]

    /// Creates the word of an observer that has nothing to say.
    public init() {}
}
