public import MeshPrimitives

/// Who counts what: each key has an owner among the live nodes, and a second one in waiting.
///
/// By rendezvous hashing, so that a node that comes or goes moves its own share of the keys only.
///
/// Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998.
public struct CounterOwners: Equatable, Sendable {
    private let nodes: [(id: NodeID, seed: UInt64)]

    /// Creates the owners among these nodes; repetitions count once.
    public init(_ nodes: [NodeID]) {
        self.nodes = Set(nodes).sorted().map { ($0, Self.mix($0.high ^ Self.mix($0.low))) }
    }

    /// The owner and the one in waiting; the same on every node that knows the same members.
    public func owners(of key: UInt64) -> (first: NodeID?, second: NodeID?) {
        var first: (id: NodeID, weight: UInt64)?
        var second: (id: NodeID, weight: UInt64)?
        for node in self.nodes {
            let weight = Self.mix(key ^ node.seed)
            if first.map({ weight > $0.weight }) ?? true {
                second = first
                first = (node.id, weight)
            } else if second.map({ weight > $0.weight }) ?? true {
                second = (node.id, weight)
            }
        }
        return (first?.id, second?.id)
    }

    /// Compares the nodes.
    public static func == (left: CounterOwners, right: CounterOwners) -> Bool {
        left.nodes.map(\.id) == right.nodes.map(\.id)
    }

    /// Source: SplitMix64's finalizer.
    private static func mix(_ value: UInt64) -> UInt64 {
        var value = value &+ 0x9E37_79B9_7F4A_7C15
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
