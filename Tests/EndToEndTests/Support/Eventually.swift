import Glibc

/// Time as the tests measure it.
enum Clock {
    /// Seconds since some start, never going back.
    static var now: Double { Self.seconds(of: CLOCK_MONOTONIC) }

    /// Milliseconds since 1970, to compare with what nodes write down.
    static var wallMilliseconds: Double { Self.seconds(of: CLOCK_REALTIME) * 1_000 }

    private static func seconds(of clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1_000_000_000
    }
}

/// Repeats `attempt` until it gives a value; what it throws is repeated too, and told at the end.
///
/// - Returns: the value.
/// - Throws: ``TestFailure`` with the last error when `seconds` have passed.
@LoopbackActor
func found<Value>(
    _ what: String,
    within seconds: Double = 15,
    every interval: Double = 0.05,
    _ attempt: () throws -> Value?
) throws -> Value {
    let deadline = Clock.now + seconds
    while true {
        var last = ""
        do {
            if let value = try attempt() { return value }
        } catch {
            last = " (\(error))"
        }
        guard Clock.now < deadline else {
            throw TestFailure("waited \(seconds) s in vain: \(what)\(last)")
        }
        usleep(UInt32(interval * 1_000_000))
    }
}

/// Repeats `condition` until it holds.
///
/// - Returns: how many seconds that took.
/// - Throws: ``TestFailure`` when `seconds` have passed.
@LoopbackActor
@discardableResult
func eventually(
    _ what: String,
    within seconds: Double = 15,
    every interval: Double = 0.05,
    _ condition: () throws -> Bool
) throws -> Double {
    let start = Clock.now
    return try found(what, within: seconds, every: interval) {
        try condition() ? Clock.now - start : nil
    }
}

/// Prints a measured figure, so that a run shows what was asserted generously.
func note(_ text: String) { print("end-to-end: \(text)") }
