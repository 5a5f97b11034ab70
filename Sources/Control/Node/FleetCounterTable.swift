import MeshDataPlane
import MeshPlugins
import MeshPrimitives
import MeshTransport

/// The workers' counts of limits of the fleet, as the cluster's side sees them.
final class FleetCounterTable: CounterTable {
    private let counters: FleetCounters

    init(_ counters: FleetCounters) { self.counters = counters }

    func takeCounted(_ body: (UInt64, UInt32, UInt32, UInt32) -> Void) {
        self.counters.takeCounted { body($0.window.key, $0.window.end, $0.own, $0.limit) }
    }

    func onCounted(_ ring: @escaping @Sendable () -> Void) { self.counters.onCounted(ring) }

    func publish(_ standing: CounterStanding, key: UInt64, end: UInt32) {
        self.counters.publish(standing, of: LimitWindow(key: key, end: Int64(end)))
    }
}
