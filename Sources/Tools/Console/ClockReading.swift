/// What a node's clock showed when it was asked, and when that was by the asker's own.
///
/// How long an answer took is how little is known of the clock that it shows.
public struct ClockReading: Sendable {
    /// Most that is believed of a clock, either way: 34 million years.
    private static let limit: UInt64 = 1 << 60

    /// How far the clock is ahead of the asker's, in milliseconds: at least and at most.
    private let ahead: ClosedRange<Int64>

    /// Creates a reading.
    ///
    /// - Parameters:
    ///   - shown: milliseconds that the node's clock showed.
    ///   - asked: milliseconds of the asker's clock before the question.
    ///   - answered: milliseconds of the asker's clock after the answer.
    public init(shown: UInt64, asked: UInt64, answered: UInt64) {
        let shown = Int64(min(shown, Self.limit))
        let (first, last) = (Int64(min(asked, Self.limit)), Int64(min(answered, Self.limit)))
        self.ahead = (shown - max(first, last))...(shown - first)
    }

    /// By how many milliseconds the clock is ahead of another one at least, or behind it if negative;
    /// 0 while they may be equal.
    func lead(over other: ClockReading) -> Int64 {
        let least = self.ahead.lowerBound - other.ahead.upperBound
        let most = self.ahead.upperBound - other.ahead.lowerBound
        return least > 0 ? least : min(0, most)
    }
}
