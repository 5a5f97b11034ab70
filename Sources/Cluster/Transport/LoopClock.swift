import Glibc
import MeshPrimitives
import NIOCore

/// The clocks of the loop; cores get their readings as parameters.
enum LoopClock {
    /// The steady clock, which event-loop timers run on too.
    static func now() -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
    }

    /// When a timer for `instant` must fire.
    static func deadline(at instant: MonotonicInstant) -> NIODeadline {
        .uptimeNanoseconds(UInt64(clamping: max(0, instant.nanoseconds)))
    }

    /// The wall clock in milliseconds since 1970.
    static func wallMilliseconds() -> UInt64 {
        var reading = timespec()
        clock_gettime(CLOCK_REALTIME, &reading)
        return UInt64(clamping: reading.tv_sec) * 1_000
            + UInt64(clamping: reading.tv_nsec) / 1_000_000
    }
}

extension Duration {
    /// The duration as event-loop timers take it.
    var timeAmount: TimeAmount { .nanoseconds(self.saturatedNanoseconds) }
}
