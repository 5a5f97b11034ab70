internal import MeshPrimitives

/// The first choice of every key, one table per group of targets.
///
/// Made from ids and weights only, never from health or from the order of the targets, so all
/// nodes that have the same configuration build the same table. About 3 ms and 128 KiB per group;
/// built once per upstream, off the hot path, and shared by every worker's ``Balancer``.
///
/// Source: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", 2016,
/// section 3.4.
final class MaglevTables: Sendable {
    /// The smallest number of slots; the next prime above Kong's largest `slots`.
    static let minimumSlotCount = 65_537
    /// The largest number of slots; a prime.
    static let maximumSlotCount = 655_373
    /// Slots per target that keep shares within about a percent.
    private static let slotsPerTarget = 100

    /// The slots of one group.
    struct Table {
        /// Number of the group as the targets carry it.
        let group: Int
        /// Place of the chosen target in the array that the tables were made from.
        let slots: UnsafeMutableBufferPointer<UInt16>
    }

    /// By ascending group; a group without an enabled target has no table.
    nonisolated(unsafe) let tables: [Table]

    /// Builds the tables.
    ///
    /// - Parameter targets: at most ``BalancerPlan/maximumTargets``, in the order of the plan.
    init(targets: [BalancerTarget]) {
        let groups = Set(targets.filter { $0.weight > 0 }.map(\.group)).sorted()
        self.tables = groups.map { group in
            let members = targets.indices.filter {
                targets[$0].group == group && targets[$0].weight > 0
            }
            return Table(group: group, slots: Self.fill(members, of: targets))
        }
    }

    deinit {
        for table in self.tables { table.slots.deallocate() }
    }

    /// The slot of a key in a table of `count` slots.
    @inline(__always)
    static func slot(of hash: UInt64, count: Int) -> Int {
        let mixed = SeededGenerator.mix(hash)
        return Int(truncatingIfNeeded: mixed.multipliedFullWidth(by: UInt64(count)).high)
    }

    /// Lets every target claim the next free slot of its own permutation, heavier ones more often.
    private static func fill(
        _ members: [Int],
        of targets: [BalancerTarget]
    ) -> UnsafeMutableBufferPointer<UInt16> {
        let order = members.sorted {
            (targets[$0].id, targets[$0].weight) < (targets[$1].id, targets[$1].weight)
        }
        let count = Self.slotCount(for: members.count)
        let slots = UnsafeMutableBufferPointer<UInt16>.allocate(capacity: count)
        slots.initialize(repeating: .max)
        let steps = order.map { 1 + Self.scatter(targets[$0].id, 2) % UInt64(count - 1) }
        var places = order.map { Self.scatter(targets[$0].id, 1) % UInt64(count) }
        let weights = order.map { min(targets[$0].weight, BalancerSlot.maximumWeight) }
        let heaviest = weights.max() ?? 1
        var due = Array(repeating: heaviest, count: order.count)
        var credit = Array(repeating: 0, count: order.count)
        var filled = 0
        while true {
            for member in order.indices {
                credit[member] += weights[member]
                guard credit[member] >= due[member] else { continue }
                due[member] += heaviest
                while slots[Int(places[member])] != .max {
                    places[member] = (places[member] + steps[member]) % UInt64(count)
                }
                slots[Int(places[member])] = UInt16(order[member])
                filled += 1
                if filled == count { return slots }
            }
        }
    }

    private static func scatter(_ id: TargetID, _ salt: UInt64) -> UInt64 {
        SeededGenerator.mix(id.rawValue &+ salt &* 0x9E37_79B9_7F4A_7C15)
    }

    static func slotCount(for targetCount: Int) -> Int {
        let wanted = targetCount * Self.slotsPerTarget
        guard wanted > Self.minimumSlotCount else { return Self.minimumSlotCount }
        guard wanted < Self.maximumSlotCount else { return Self.maximumSlotCount }
        return (wanted...Self.maximumSlotCount).first(where: Self.isPrime) ?? Self.maximumSlotCount
    }

    private static func isPrime(_ number: Int) -> Bool {
        var divisor = 2
        while divisor * divisor <= number {
            if number % divisor == 0 { return false }
            divisor += 1
        }
        return number > 1
    }
}
