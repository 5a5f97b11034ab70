internal import Synchronization

/// The retries of one upstream that are allowed whatever its traffic is, for all workers of a node.
///
/// Unused ones are saved up for ten seconds, and until there are five where a node's part is small. One word holds when the last one granted would be due if
/// they came evenly, so that workers share it without a lock.
///
/// Source: the generic cell rate algorithm, ITU-T I.371.
final class RetryFloor: Sendable {
    /// For how many microseconds unused ones are saved up.
    private static let savings: Int64 = 10_000_000
    /// How many may be saved up, however long that takes.
    private static let leastSaved: Int64 = 5

    /// Microseconds; whoever takes one moves it on.
    private let due = Atomic<Int64>(.min)

    /// Creates one of which nothing is used.
    init() {}

    /// Whether another one is left.
    ///
    /// - Parameters:
    ///   - interval: microseconds per retry; 0 or below for none.
    ///   - now: milliseconds that never go back.
    /// - Returns: whether it may be taken.
    func hasRetry(every interval: Int64, at now: Int64) -> Bool {
        self.next(after: self.due.load(ordering: .relaxed), interval, at: now) != nil
    }

    /// Takes one; nothing when none is left.
    func takeRetry(every interval: Int64, at now: Int64) {
        var due = self.due.load(ordering: .relaxed)
        while let next = self.next(after: due, interval, at: now) {
            let (isTaken, found) = self.due.weakCompareExchange(
                expected: due,
                desired: next,
                ordering: .relaxed
            )
            guard !isTaken else { return }
            due = found
        }
    }

    private func next(after due: Int64, _ interval: Int64, at now: Int64) -> Int64? {
        guard interval > 0 else { return nil }
        let (time, overflow) = now.multipliedReportingOverflow(by: 1_000)
        guard !overflow else { return .max }
        let next = max(due, time).addingReportingOverflow(interval)
        let many = interval.multipliedReportingOverflow(by: Self.leastSaved)
        let limit = time.addingReportingOverflow(max(Self.savings, many.partialValue))
        guard !next.overflow, !many.overflow, !limit.overflow else { return .max }
        return next.partialValue <= limit.partialValue ? next.partialValue : nil
    }
}
