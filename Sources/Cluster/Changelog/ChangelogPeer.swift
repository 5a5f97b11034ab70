public import MeshPrimitives

/// Another node of the fleet, as far as changesets are concerned.
public struct ChangelogPeer: Hashable, Sendable {
    /// Who.
    public let node: NodeID
    /// Its region.
    public let region: String
    /// Whether it is believed to be up; one that is not still counts as part of the fleet.
    public let isReachable: Bool

    /// Creates a peer.
    public init(node: NodeID, region: String, isReachable: Bool = true) {
        self.node = node
        self.region = region
        self.isReachable = isReachable
    }
}

/// A write that is durable here and waits for other nodes.
struct PendingWrite: Sendable {
    let ticket: UInt64
    let id: ChangesetID
    let head: ChangelogHead
    let deadline: MonotonicInstant
    var holders: Set<NodeID>
    var nextPush: MonotonicInstant
}

/// Roots that this node has had, to tell from a peer's root what the peer holds.
struct PastVectors: Sendable {
    /// Roots remembered.
    static let limit = 256

    private var ring: [(root: ContentHash, vector: VersionVector)] = []
    /// The number of the first one remembered.
    private var base = 0

    /// Remembers the newest.
    mutating func add(_ vector: VersionVector, root: ContentHash) {
        self.ring.append((root, vector))
        guard self.ring.count > Self.limit else { return }
        self.ring.removeFirst()
        self.base += 1
    }

    /// The number of a root; `nil` when this node never had it, or long ago.
    func number(of root: ContentHash) -> Int? {
        self.ring.lastIndex { $0.root == root }.map { $0 + self.base }
    }

    /// The highest number whose vector `vector` includes.
    func number(coveredBy vector: VersionVector) -> Int? {
        self.ring.lastIndex { vector.covers($0.vector) }.map { $0 + self.base }
    }

    /// The vector of a number; `nil` when it is forgotten.
    subscript(number: Int) -> VersionVector? {
        self.ring.indices.contains(number - self.base) ? self.ring[number - self.base].vector : nil
    }
}
