/// How a member stands in one node's view.
///
///     alive --probe failed, or told so--> suspect --timeout--> failed --tombstone age--> removed
///       ^ \___________ leaves ____________________\____________> left  --tombstone age--> removed
///       \___________ higher incarnation of its own _______________/
///
/// At equal incarnation the later one wins.
public enum MemberState: UInt8, CaseIterable, Sendable {
    /// Answers probes, or nobody has said otherwise.
    case alive = 0
    /// A probe failed; the member has until its suspicion times out to refute that.
    case suspect = 1
    /// Did not refute in time.
    case failed = 2
    /// Said goodbye, or an operator said it for a member that had failed.
    case left = 3

    /// Whether the member takes part: alive or suspect.
    public var isPresent: Bool {
        switch self {
        case .alive, .suspect: true
        case .failed, .left: false
        }
    }
}
