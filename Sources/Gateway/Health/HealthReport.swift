public import MeshPrimitives

/// All that one node says of targets; a new one replaces the one before whole.
///
/// Only targets of which there is more to say than that they are up are in it, so that a quiet
/// day's report is empty.
public struct HealthReport: Equatable, Sendable {
    /// Whether the observer distrusts its own network; its votes do not count then.
    public var isAbstaining = false
    /// Its votes; a target that is not here is up, as far as it knows.
    public var votes: [TargetID: HealthVote] = [:]

    /// Creates the report of a node that has nothing to say.
    public init() {}
}
