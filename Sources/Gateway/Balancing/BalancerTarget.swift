public import MeshPrimitives

/// How an upstream's requests are spread over its targets.
public enum BalancingAlgorithm: Equatable, Sendable {
    /// Exact shares by weight over one turn, interleaved as evenly as possible.
    case roundRobin
    /// Fewest requests in flight for the weight.
    case leastConnections
    /// Shortest wait to be expected: latency times requests in flight, for the weight.
    ///
    /// Never the lowest latency alone, as Kong has it: all requests would run to one target until it
    /// is slow, and then to the next.
    case latency
    /// Equal keys go to the same target on every node.
    ///
    /// Kong's `slots` is accepted; our table is never smaller than Kong's largest, 65,536.
    case consistentHashing(slots: Int)

    /// Of many targets that report how many requests they work on, the fastest one that is not hot.
    ///
    /// As ``latency`` while fewer than half of them report, or with fewer than 25 of them.
    case hcl

    /// Whether a request's key decides.
    public var hashes: Bool { if case .consistentHashing = self { true } else { false } }
    /// Whether requests in flight decide.
    var countsLoad: Bool { self == .leastConnections || self.measuresLatency }
    /// Whether latencies decide, too.
    var measuresLatency: Bool { self == .latency || self == .hcl }
}

/// One address that a balancer can choose.
public struct BalancerTarget: Equatable, Sendable {
    /// Who it is, the same on every node.
    public var id: TargetID
    /// Share of the traffic, 0 to 65,535; a target of weight 0 is never chosen.
    public var weight: Int
    /// Order of preference: 0 for the preferred region, then the next ones, then failover targets.
    public var group: Int

    /// Creates a target.
    public init(id: TargetID, weight: Int, group: Int = 0) {
        self.id = id
        self.weight = weight
        self.group = group
    }
}
