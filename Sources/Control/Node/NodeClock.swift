import Foundation
import MeshPrimitives
import MeshTransport

/// The clocks that cores get their `now` from; only shells read them.
enum NodeClock {
    /// The steady clock, the same one that the cluster's loop reads.
    static var now: MonotonicInstant { ClusterService.now() }

    /// What to add to the steady clock for one that all nodes have about in common.
    static var fleetOffset: Duration {
        .milliseconds(Int64(clamping: Self.wallMilliseconds)) - .nanoseconds(Self.now.nanoseconds)
    }

    /// Wall-clock milliseconds since 1970; 0 before.
    static var wallMilliseconds: UInt64 {
        UInt64(max(0, Date().timeIntervalSince1970 * 1_000))
    }
}
