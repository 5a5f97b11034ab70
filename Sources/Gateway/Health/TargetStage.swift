/// Where a target stands at one node, in one word.
///
/// Source: the states of a circuit breaker, and what lies between them: ``up`` is closed,
/// ``suspect`` and ``down`` are open, ``trial`` is half-open.
public enum TargetStage: String, CaseIterable, Sendable {
    /// Nothing was seen of it yet; it gets its share.
    case unknown
    /// It gets its share.
    case up
    /// Out of use by this node's own traffic, not confirmed by a check yet.
    case suspect
    /// Out of use.
    case down
    /// Out of use but for one request at a time.
    case trial
    /// It gets a share that grows.
    case ramp
    /// It answers, but slowly, and gets a lowered share.
    case slow
    /// Out of use by an operator; what is pinned to it may finish.
    case draining
    /// Out of use by an operator, whatever else happens.
    case disabled

    /// How that is called of a circuit: `closed`, `open` or `half-open`; `nil` when an operator has
    /// taken the target out.
    public var circuit: String? {
        switch self {
        case .unknown, .up, .ramp, .slow: "closed"
        case .suspect, .down: "open"
        case .trial: "half-open"
        case .draining, .disabled: nil
        }
    }
}

/// What a verdict was made of.
public struct HealthEvidence: Equatable, Sendable {
    /// Attempts of about the last ten seconds, and how many of them failed; rounded.
    public var attempts = 0
    /// Those of them that failed.
    public var failures = 0
    /// How long it takes to answer, in microseconds; 0 when unknown.
    public var latency = 0
    /// How long its like take; 0 when unknown.
    public var usualLatency = 0
    /// Peers that speak against it, and peers that say that it answers.
    public var against = 0
    /// Peers that say that it answers.
    public var refuting = 0

    /// Creates evidence of nothing.
    public init() {}
}

/// What an operator wants of a target, at every node alike.
public struct TargetDirective: Hashable, Sendable {
    /// What shall happen.
    public enum Kind: String, CaseIterable, Sendable {
        /// Nothing new goes there; what is pinned to it stays.
        case drain
        /// Nothing goes there.
        case disable
    }

    /// The upstream's name.
    public let upstream: String
    /// `host:port` as configured; all of its addresses are meant.
    public let target: String
    /// What shall happen.
    public let kind: Kind

    /// Creates a directive.
    public init(_ kind: Kind, upstream: String, target: String) {
        self.kind = kind
        self.upstream = upstream
        self.target = target
    }
}

extension Float {
    /// The share of a target that gets nothing, not even when nothing else is left, but for what is
    /// pinned to it.
    public static let drained: Float = -1
    /// The share of a target that gets nothing whatever happens.
    public static let disabled: Float = -2
}
