internal import MeshPrimitives

/// One target inside a balancer; trivial, in a flat array sorted by group and weight.
struct BalancerSlot {
    /// What a weight of 1 counts at full health, so that factors lower it in fine steps.
    static let weightUnit: Int64 = 1024
    /// Largest weight that Kong allows.
    static let maximumWeight = 65_535
    /// Highest latency and number of requests in flight that count, so that no product overflows:
    /// 262,143, about a minute.
    static let latencyLimit: Int64 = (1 << 18) - 1
    /// Parts of one step of a turn; see ``phase``.
    static let phaseCount: Int64 = 2_048

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
    /// Requests that began and did not end.
    var inFlight: Int64 = 0
    /// Requests that it was chosen for since another group bore no more, and nobody has taken in yet.
    var overflows: UInt32 = 0
    /// Requests in flight that it may have.
    var limit = Int64.max
    /// Latency in quarters of a millisecond, 4 to ``latencyLimit``; 1 where it does not matter.
    var latency: Int64 = 1
    /// What ``latency`` comes from, where it matters.
    var estimate = LatencyEstimate()
    /// Health, 0…1.
    var factor: Float = 1
    /// Whether an operator has taken it out, so that it is not even chosen in need.
    var isBarred = false
    /// Whether what is pinned to it may go there: it is healthy, or being drained.
    var keepsPins = true
    /// Where it stands in its group's ``SlotList``.
    var position: Int32 = 0
    /// Decides between equal loads; drawn anew whenever the load changes.
    var tie: UInt32 = 0
    /// Round robin: part of a step by which it comes later, so that equals are spread evenly.
    var phase: Int32 = 0
    /// Round robin: rounds taken, and steps taken of the round at hand, in `0..<share`.
    var round: Int64 = 0
    var step: Int64 = 0

    init(_ target: BalancerTarget, index: Int, group: Int) {
        self.id = target.id.rawValue
        self.index = Int32(index)
        self.group = Int32(group)
        let weight = min(max(target.weight, 0), Self.maximumWeight)
        self.fullWeight = Int64(weight) * Self.weightUnit
        self.weight = self.fullWeight
    }

    /// The weight that counts among its like: the lowered one of a healthy target, the full one
    /// of an excluded target.
    @inline(__always)
    var share: Int64 { self.weight > 0 ? self.weight : self.fullWeight }

    /// Whether it may get one more request.
    @inline(__always)
    var hasRoom: Bool { self.inFlight < self.limit }

    /// Whether it may get one more request for which another region has no room.
    @inline(__always)
    var hasRoomForGuests: Bool { self.inFlight < max(1, self.limit / 2) }

    /// What one more request would meet here, before it is divided by the weight.
    @inline(__always)
    var cost: Int64 { (min(self.inFlight, Self.latencyLimit - 1) + 1) * self.latency }

    /// The weight that counts in one attempt to choose.
    @inline(__always)
    func weight(for eligibility: Eligibility) -> Int64 {
        eligibility == .healthy ? self.weight : (self.isBarred ? 0 : self.fullWeight)
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
    let table: UnsafePointer<UInt16>?
    let tableCount: Int
    /// Sums of weights for drawing, when it counts connections.
    let sums: WeightSums?
    /// Sum of the weights now, in units; 0 when no target is healthy.
    var weight: Int64
    /// Targets with a weight and a factor above 0.
    var healthy: SlotList
    /// Targets with a weight that are excluded.
    var doubtful: SlotList
    /// Sum of requests in flight.
    var inFlight: Int64 = 0
    /// Requests that await the head of an answer, and how many of them its targets bear; sought only
    /// where other groups could take more.
    var awaited: Int64 = 0
    var bearable = BearableLoad()
    /// What its targets usually take to answer, in microseconds.
    var usualLatency: Int64 = 10_000
    /// When latencies were last brought up to date, on the callers' clock in milliseconds.
    var agedAt: Int64?
    /// Whether least-connections takes the least of all (busy) or draws two (idle).
    var comparesAll = false
    /// How many healthy targets have reported their load lately, and what they said.
    var reporting = 0
    var recentLoads = RecentLoads()
}
