/// The answer of `/mesh/nodes/{name}/drain` and `resume`: the desired mode is written and on its way.
public struct DrainReport: Codable, Equatable, Sendable {
    /// The node concerned.
    public var node: String
    /// What is now wanted of it.
    public var mode: MemberReport.Mode
    /// What was wanted of it before.
    public var previous: MemberReport.Mode
    /// Requests it still had in flight, as it last told.
    @Nullable public var inFlight: Int? = nil

    /// Creates an answer.
    public init(
        node: String,
        mode: MemberReport.Mode,
        previous: MemberReport.Mode,
        inFlight: Int?
    ) {
        self.node = node
        self.mode = mode
        self.previous = previous
        self.inFlight = inFlight
    }
}
