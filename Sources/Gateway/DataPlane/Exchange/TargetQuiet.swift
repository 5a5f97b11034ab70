/// How long a target has answered nothing, against how often it answers as a rule.
///
/// A target is quiet when it owes at least two answers to requests that were sent since its last one,
/// and the first of these has waited for eight times as long as usually passes between two answers: with
/// answers at random moments that happens once in three thousand times. Requests that it took in before
/// its last answer do not count: they may simply take long.
///
/// It is no failure and nobody is told: new requests prefer others, and from time to time one goes there
/// all the same and finds out.
struct TargetQuiet {
    /// Fewest answers owed.
    static let leastOwed: Int32 = 2
    /// Fewest milliseconds of waiting.
    private static let leastPatience: Int64 = 10
    /// Fewest milliseconds after the last request to a quiet target until one goes there that may not be
    /// repeated.
    private static let leastRisk: Int64 = 250
    /// Gaps between answers that a target may be behind.
    private static let gaps: Int64 = 8
    /// Most milliseconds that one gap between answers counts as.
    private static let longestGap: Int64 = 1_000
    /// The usual gap is kept in parts of a millisecond, and moves by an eighth of each new one's
    /// difference.
    private static let parts: Int64 = 1_024
    private static let weight: Int64 = 8

    /// Requests sent since the last answer, and when the first and the last of them were, in
    /// milliseconds.
    private(set) var owed: Int32 = 0
    private var firstAskedAt: Int64 = 0
    private var lastAskedAt: Int64 = 0
    /// What usually passes between two answers while one is awaited; 0 before the first.
    private var gap: Int64 = 0

    /// A request was sent.
    ///
    /// With the first one since which an answer is awaited, what clients no longer waited for is not owed
    /// any more.
    @inline(__always)
    mutating func asked(at now: Int64, isFirst: Bool) {
        if isFirst { self.owed = 0 }
        if self.owed == 0 { self.firstAskedAt = now }
        self.owed &+= 1
        self.lastAskedAt = now
    }

    /// An answer came; `since` is when the one before did, or when the first request was sent since which
    /// one is awaited.
    @inline(__always)
    mutating func answered(at now: Int64, since: Int64) {
        let passed = min(now - since, Self.longestGap) * Self.parts
        self.gap = self.gap == 0 ? max(1, passed) : self.gap + (passed - self.gap) / Self.weight
        self.owed = 0
    }

    /// Whether a request should go elsewhere.
    ///
    /// - Parameters:
    ///   - now: milliseconds.
    ///   - isRepeatable: whether the request may be sent to another target when this one fails.
    /// - Returns: `true` when it should.
    func isQuiet(at now: Int64, isRepeatable: Bool) -> Bool {
        guard self.gap > 0, self.owed >= Self.leastOwed else { return false }
        let patience = max(Self.leastPatience, Self.gaps * self.gap / Self.parts)
        guard now - self.firstAskedAt >= patience else { return false }
        return now - self.lastAskedAt
            < (isRepeatable ? patience : max(Self.leastRisk, 2 * patience))
    }
}
