import Foundation
import MeshPrimitives
import MeshTransport

/// The clocks that cores get their `now` from; only shells read them.
enum NodeClock {
    /// The steady clock, the same one that the cluster's loop reads.
    static var now: MonotonicInstant { ClusterService.now() }

    /// Wall-clock milliseconds since 1970; 0 before.
    static var wallMilliseconds: UInt64 {
        UInt64(max(0, Date().timeIntervalSince1970 * 1_000))
    }
}
