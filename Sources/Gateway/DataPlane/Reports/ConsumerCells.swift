internal import MeshEntities
internal import MeshPlugins
internal import Synchronization

/// One worker's counters of one route by consumer, where a plugin wants them; bounded together with those
/// of all other routes and workers of this process.
final class ConsumerCells: Sendable {
    /// What one consumer's requests cost.
    struct Tally {
        let name: String
        /// By status, doubled, and 1 more for what the gateway answered itself.
        var statuses: [UInt32: UInt64] = [:]
        var ingress: UInt64 = 0
        var egress: UInt64 = 0

        mutating func add(_ other: Tally) {
            self.statuses.merge(other.statuses, uniquingKeysWith: &+)
            self.ingress &+= other.ingress
            self.egress &+= other.egress
        }
    }

    /// Most tallies of this process; who comes later is counted for nobody in particular.
    private static let limit = 100_000
    private static let count = Atomic<Int>(0)

    private let tallies = Mutex<[EntityID: Tally]>([:])

    deinit {
        Self.count.subtract(self.tallies.withLock { $0.count }, ordering: .relaxed)
    }

    /// Counts a finished request.
    func add(_ consumer: ConsumerEntry, _ record: RequestRecord) {
        let status =
            UInt32(record.status) << 1 | (record.upstreamNanoseconds == nil ? 1 : 0)
        self.tallies.withLock { tallies in
            if tallies[consumer.id] == nil {
                guard Self.count.load(ordering: .relaxed) < Self.limit else { return }
                Self.count.add(1, ordering: .relaxed)
                let name = consumer.username ?? consumer.customID ?? consumer.id.description
                tallies[consumer.id] = Tally(name: name)
            }
            tallies[consumer.id]?.statuses[status, default: 0] &+= 1
            tallies[consumer.id]?.ingress &+= record.received
            tallies[consumer.id]?.egress &+= record.returned
        }
    }

    /// Adds all to sums.
    func read(into sums: inout [EntityID: Tally]) {
        for (id, tally) in self.tallies.withLock({ $0 }) {
            if sums[id] == nil { sums[id] = tally } else { sums[id]?.add(tally) }
        }
    }
}
