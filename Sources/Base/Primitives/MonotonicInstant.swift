/// A moment on one node's own steady clock; not comparable between nodes.
///
/// Nanoseconds since an arbitrary start. Arithmetic saturates, so a hostile or absurd duration
/// cannot trap.
public struct MonotonicInstant: Hashable, Comparable, Sendable {
    /// Nanoseconds since the clock's start; never negative in practice.
    public let nanoseconds: Int64

    /// Creates the moment `nanoseconds` after the clock's start.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Creates the moment `elapsed` after the clock's start.
    public init(sinceStart elapsed: Duration) { self.nanoseconds = elapsed.saturatedNanoseconds }

    /// Returns the moment `duration` later (earlier when negative), saturating.
    public func advanced(by duration: Duration) -> MonotonicInstant {
        let (sum, overflow) = self.nanoseconds.addingReportingOverflow(
            duration.saturatedNanoseconds
        )
        guard overflow else { return MonotonicInstant(nanoseconds: sum) }
        return MonotonicInstant(nanoseconds: duration < .zero ? .min : .max)
    }

    /// Returns the time from this moment to `other`; negative when `other` is earlier.
    public func duration(to other: MonotonicInstant) -> Duration {
        let (difference, overflow) = other.nanoseconds.subtractingReportingOverflow(
            self.nanoseconds
        )
        guard overflow else { return .nanoseconds(difference) }
        return .nanoseconds(other < self ? Int64.min : Int64.max)
    }

    /// Orders by time.
    public static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}

extension Duration {
    /// The duration in nanoseconds, clamped to what 64 bits hold (about ±292 years).
    public var saturatedNanoseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, overflowed) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        guard !overflowed else { return seconds < 0 ? .min : .max }
        return sum
    }

    /// The duration in milliseconds, with fraction.
    public var milliseconds: Double { Double(self.saturatedNanoseconds) / 1_000_000 }
}
