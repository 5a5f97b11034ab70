internal import MeshPrimitives

/// What the balancers of one upstream have in common on all workers; immutable.
///
/// Made off the request path, since it sorts the targets and fills the tables of keys.
public final class BalancerPlan: Sendable {
    /// Most targets of one balancer.
    public static let maximumTargets = 65_534

    /// How requests are spread.
    public let algorithm: BalancingAlgorithm
    /// The targets; a target's index everywhere is its place in this array.
    public let targets: [BalancerTarget]
    /// How far above its fair share of requests in flight hashing fills a target; 0 for no bound.
    public let loadBound: Double
    /// By group, then by weight.
    let slots: [BalancerSlot]
    /// Slot of each target by its index.
    let places: [Int32]
    let groups: [Group]
    let tables: MaglevTables?

    /// The run of slots of one group.
    struct Group {
        /// The number that the targets carry.
        let number: Int
        let slots: Range<Int>
        /// Sum of the full weights, in units.
        let fullWeight: Int64
    }

    /// Makes the plan; `nil` when there are more targets than ``maximumTargets``.
    ///
    /// - Parameters:
    ///   - algorithm: how to spread requests.
    ///   - targets: in the order that indexes refer to.
    ///   - loadBound: for hashing, how many times its fair share of requests in flight a target may
    ///     hold before further keys go to their second choice; 1 or more (1.25 is usual), 0 for no
    ///     bound.
    public init?(
        algorithm: BalancingAlgorithm,
        targets: [BalancerTarget],
        loadBound: Double = 0
    ) {
        guard targets.count <= Self.maximumTargets else { return nil }
        self.algorithm = algorithm
        self.targets = targets
        self.loadBound = loadBound
        if case .consistentHashing = algorithm {
            self.tables = MaglevTables(targets: targets)
        } else {
            self.tables = nil
        }
        let order = Self.order(targets)
        var slots: [BalancerSlot] = []
        slots.reserveCapacity(targets.count)
        var groups: [Group] = []
        var places = [Int32](repeating: 0, count: targets.count)
        for index in order {
            if groups.last?.number != targets[index].group {
                groups.append(
                    Group(
                        number: targets[index].group,
                        slots: slots.count..<slots.count,
                        fullWeight: 0
                    )
                )
            }
            let slot = BalancerSlot(targets[index], index: index, group: groups.count - 1)
            places[index] = Int32(slots.count)
            slots.append(slot)
            let group = groups.removeLast()
            groups.append(
                Group(
                    number: group.number,
                    slots: group.slots.lowerBound..<slots.count,
                    fullWeight: group.fullWeight + slot.fullWeight
                )
            )
        }
        self.slots = slots
        self.groups = groups
        self.places = places
    }

    /// Places of targets by group, then by weight; mostly they are given so.
    private static func order(_ targets: [BalancerTarget]) -> [Int] {
        let isOrdered = zip(targets, targets.dropFirst()).allSatisfy {
            ($0.group, $0.weight) <= ($1.group, $1.weight)
        }
        guard !isOrdered else { return Array(targets.indices) }
        return targets.indices.sorted {
            (targets[$0].group, targets[$0].weight, $0) < (
                targets[$1].group, targets[$1].weight, $1
            )
        }
    }

    /// Whether the plan is made of the same.
    public func isMade(
        _ algorithm: BalancingAlgorithm,
        _ targets: [BalancerTarget],
        loadBound: Double
    ) -> Bool {
        self.algorithm == algorithm && self.loadBound == loadBound && self.targets == targets
    }
}
