/// The time within which 95 of 100 answers come, learned from a stream of times in constant memory.
///
/// Each time above the estimate raises it by nineteen times as much as each one below lowers it, so
/// that it settles where one in twenty is above.
///
/// Source: stochastic approximation of quantiles, Robbins and Monro, 1951, in proportion.
public struct LatencyQuantile: Equatable, Sendable {
    /// Times below which the estimate says nothing.
    private static let leastSamples = 100
    private static let step = 0.002

    private var estimate = 0.0
    private var count = 0

    /// Creates an estimate of nothing.
    public init() {}

    /// Microseconds; `nil` before a hundred times.
    public var microseconds: Int64? {
        self.count >= Self.leastSamples ? Int64(self.estimate) : nil
    }

    /// Takes in one time; one that was not waited for to its end counts as the part that was.
    public mutating func take(microseconds: Int64) {
        let sample = Double(max(1, min(microseconds, 3_600_000_000)))
        if self.count < Self.leastSamples {
            // At first in longer steps, from wherever the first time was.
            self.count += 1
            self.estimate = self.estimate == 0 ? sample : self.estimate
            self.estimate *= sample > self.estimate ? 1 + 8 * 19 * Self.step : 1 - 8 * Self.step
        } else {
            self.estimate *= sample > self.estimate ? 1 + 19 * Self.step : 1 - Self.step
        }
    }
}
