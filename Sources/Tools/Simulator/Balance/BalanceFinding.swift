/// A way to choose targets that is not ours, to see that the promises about ours can be broken.
public enum BalanceMistake: String, CaseIterable, Sendable {
    /// As Kong's `latency` does: the lowest average, whatever is in flight.
    case kongLatency
    /// One after the other.
    case roundRobin

    var rule: Shop.Rule {
        switch self {
        case .kongLatency: .kongLatency
        case .roundRobin: .roundRobin
        }
    }
}

/// One promise about how requests are shared out, and what a run has shown of it.
public struct BalanceFinding: Sendable {
    /// What it is about, such as `W1`.
    public let name: String
    /// What was measured, in words.
    public let text: String
    /// Whether the promise was kept.
    public let isKept: Bool
}
