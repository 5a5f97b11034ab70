internal import MeshPrimitives

/// One target inside a balancer; trivial, in a flat array sorted by group.
struct BalancerSlot {
    /// What a weight of 1 counts at full health, so that factors lower it in fine steps.
    static let weightUnit: Int64 = 1024
    /// Largest weight that Kong allows.
    static let maximumWeight = 65_535

    /// The target's number, equal on every node.
    let id: UInt64
    /// Place in the array that the balancer was made from.
    let index: Int32
    /// Place of its group among the balancer's groups.
    let group: Int32
    /// Weight at full health, in units; 0 when never to be chosen.
    let fullWeight: Int64
    /// Weight now, in units; 0 when excluded.
    var weight: Int64
    /// Smooth round robin's credit.
    var credit: Int64 = 0
    /// Requests that began and did not end.
    var inFlight: Int64 = 0
    /// Health, 0…1.
    var factor: Float = 1

    init(_ target: BalancerTarget, index: Int, group: Int) {
        self.id = target.id.rawValue
        self.index = Int32(index)
        self.group = Int32(group)
        let weight = min(max(target.weight, 0), Self.maximumWeight)
        self.fullWeight = Int64(weight) * Self.weightUnit
        self.weight = self.fullWeight
    }

    /// The weight that counts in one attempt to choose.
    @inline(__always)
    func weight(for eligibility: Eligibility) -> Int64 {
        eligibility == .healthy ? self.weight : self.fullWeight
    }
}

/// Which targets may be chosen.
enum Eligibility {
    /// Those with a health factor above 0.
    case healthy
    /// All with a weight: better a doubtful target than a sure error.
    case enabled
}

/// One group inside a balancer: a run of slots.
struct BalancerGroup {
    /// The number that the targets carry.
    let number: Int
    /// First slot.
    let start: Int
    /// Slot after the last.
    let end: Int
    /// Sum of the full weights, in units.
    let fullWeight: Int64
    /// Slots of the group's table of keys, when it hashes.
    var table: UnsafePointer<UInt16>?
    var tableCount = 0
    /// Sum of the weights now, in units; 0 when no target is healthy.
    var weight: Int64
    /// How many targets are healthy.
    var healthyCount: Int
    /// Sum of requests in flight.
    var inFlight: Int64 = 0
    /// Whether least-connections looks at all targets (busy) or draws two (idle).
    var scansAll = false
}
