import MeshPrimitives

/// How often something extra is done: so many times at once after a quiet time, and once per pause in the
/// long run.
struct Allowance: Equatable, Sendable {
    private let most: Duration
    private let pause: Duration
    private var paidUntil = MonotonicInstant(nanoseconds: 0)

    /// Creates one that allows `limit` times at once; above 0.
    init(limit: Int, pause: Duration) {
        self.most = pause * limit
        self.pause = pause
    }

    /// Whether it may be done once more now; counts that.
    mutating func take(at now: MonotonicInstant) -> Bool {
        let next = max(self.paidUntil, now).advanced(by: self.pause)
        guard now.duration(to: next) <= self.most else { return false }
        self.paidUntil = next
        return true
    }
}
