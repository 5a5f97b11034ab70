internal import MeshPrimitives

/// When the next word may be told: each puts that off by as long as its bytes take at a fixed rate.
///
/// After a quiet time some are told at once; a dear one is paid off for ``debtLimit`` at most.
struct WordBudget: Sendable {
    /// What a quiet time saves up.
    private static let credit = Duration.seconds(8)
    /// The longest time that words wait.
    static let debtLimit = Duration.seconds(20)

    private let rate: Int
    /// When everything told is paid for.
    private var paidAt: MonotonicInstant?

    /// Creates a budget with all its credit.
    ///
    /// - Parameter rate: bytes per second, above 0.
    init(rate: Int) { self.rate = max(1, rate) }

    /// When the next word may be told; `now` or before where it may at once.
    func due(at now: MonotonicInstant) -> MonotonicInstant { self.paidAt ?? now }

    /// Counts bytes that were told.
    mutating func spend(_ byteCount: Int, at now: MonotonicInstant) {
        let least = now.advanced(by: .zero - Self.credit)
        let bytes = Int64(min(max(0, byteCount), 1 << 30))
        let begun = max(self.paidAt ?? least, least)
        let paid = begun.advanced(by: .nanoseconds(bytes * 1_000_000_000 / Int64(self.rate)))
        self.paidAt = min(paid, now.advanced(by: Self.debtLimit))
    }
}
