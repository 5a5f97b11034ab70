/// One promise about how requests are shared out, and what a run has shown of it.
public struct BalanceFinding: Sendable {
    /// What it is about, such as `W1`.
    public let name: String
    /// What was measured, in words.
    public let text: String
    /// Whether the promise was kept.
    public let isKept: Bool
}
