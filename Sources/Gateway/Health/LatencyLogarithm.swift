/// Logarithms of latencies as small integers, so that sums of them are cheap and give a mean that a
/// few stragglers do not move.
///
/// Sixteen steps for every doubling, linear between powers of two; equal on every machine.
public enum LatencyLogarithm {
    /// The step of a latency; 0 for everything up to one microsecond, at most 1,023.
    public static func step(microseconds: UInt64) -> UInt64 {
        guard microseconds > 1 else { return 0 }
        let exponent = 63 - microseconds.leadingZeroBitCount
        let part = exponent >= 4 ? microseconds >> (exponent - 4) : microseconds << (4 - exponent)
        return UInt64(exponent) * 16 + (part & 15)
    }

    /// The latency of a step, or of a mean of steps, in microseconds.
    static func microseconds(step: Double) -> Double {
        let clamped = max(0, min(step, 1_023))
        let exponent = Int(clamped / 16)
        return Double(UInt64(1) << UInt64(exponent)) * (1 + clamped / 16 - Double(exponent))
    }
}
