public import MeshPrimitives

/// How many bytes may be sent now: a token bucket.
///
/// Over any time `t` it lets through at most `rate × t + burst` bytes and one message more.
public struct ByteBudget: Sendable {
    private let rate: Int
    private let burst: Int
    private var tokens: Int
    private var filledAt: MonotonicInstant?

    /// Creates a full bucket.
    ///
    /// - Parameters:
    ///   - rate: bytes per second, above 0.
    ///   - burst: bytes that may be saved up, above 0.
    public init(rate: Int, burst: Int) {
        self.rate = max(1, rate)
        self.burst = max(1, burst)
        self.tokens = max(1, burst)
    }

    /// Bytes that may be sent at once; below zero while a message larger than that is paid off.
    public mutating func available(at now: MonotonicInstant) -> Int {
        guard self.filledAt != now else { return self.tokens }
        let elapsed = self.filledAt.map { Double(now.nanoseconds) - Double($0.nanoseconds) } ?? 0
        let earned = min(Double(self.burst) * 2, max(0, elapsed) * Double(self.rate) / 1e9)
        // Only whole tokens move the clock on, so that frequent looks do not lose the fractions.
        guard earned >= 1 || self.filledAt == nil else { return self.tokens }
        self.filledAt = now
        self.tokens = min(self.burst, self.tokens + Int(earned))
        return self.tokens
    }

    /// Counts bytes that were sent.
    public mutating func spend(_ byteCount: Int, at now: MonotonicInstant) {
        _ = self.available(at: now)
        self.tokens = max(-self.burst, self.tokens - max(0, byteCount))
    }
}
