public import MeshPrimitives

/// Who is told next: most of the own region, a bounded few of the others.
///
/// Adding, removing and looking up cost the logarithm of the peers plus one move of the list; picking
/// costs nothing that grows with them.
public struct PeerSampler: Sendable {
    /// Nodes of one region that tell another region in one round, on average: 16.
    ///
    /// In a region of up to so many nodes each tells another region once a round; in a larger one
    /// each does so with a chance that keeps the sum. So the bytes between regions do not grow with
    /// the nodes inside them, and 16 tellers make silence by loss unlikely (at 30 %: 4e-9).
    public static let tellersAcross = 16

    /// The own region.
    public let region: String
    private var peers = NodeTable<Peer>()
    private var within = SortedIDs()
    private var across = SortedIDs()

    /// Creates a sampler without peers for a node of `region`.
    public init(region: String) { self.region = region }

    /// Peers known.
    public var count: Int { self.peers.count }
    /// Peers of the own region, by identity.
    public var regional: [NodeID] { self.within.all }
    /// How many peers are of the own region.
    public var regionalCount: Int { self.within.count }
    /// Peers of other regions, by identity.
    public var remote: [NodeID] { self.across.all }
    /// Every peer: those of the own region by identity, then the others by identity.
    public var ids: [NodeID] { self.within.all + self.across.all }

    /// One peer.
    public subscript(id: NodeID) -> Peer? { self.peers[id] }

    /// Adds a peer or replaces what is known of it.
    public mutating func insert(_ peer: Peer) {
        if let known = self.peers[peer.id] {
            guard known != peer else { return }
            self.remove(peer.id)
        }
        self.peers[peer.id] = peer
        if peer.region == self.region {
            self.within.set(peer.id, isListed: true)
        } else {
            self.across.set(peer.id, isListed: true)
        }
    }

    /// Forgets a peer; an unknown one changes nothing.
    public mutating func remove(_ id: NodeID) {
        guard let peer = self.peers[id] else { return }
        self.peers[id] = nil
        if peer.region == self.region {
            self.within.set(id, isListed: false)
        } else {
            self.across.set(id, isListed: false)
        }
    }

    /// Picks up to `count` different peers for one round of telling.
    ///
    /// One of them at most is of another region, see ``tellersAcross``; where one side has too few
    /// peers, the other fills up.
    ///
    /// - Parameters:
    ///   - count: how many.
    ///   - excluded: never picked; a handful at most.
    ///   - generator: chooses.
    /// - Returns: the own region's first.
    public func pick(
        _ count: Int,
        excluding excluded: [NodeID] = [],
        using generator: inout SeededGenerator
    ) -> [NodeID] {
        guard count > 0, self.count > 0 else { return [] }
        var quota = 0
        if !self.across.isEmpty {
            let isTeller =
                self.within.count < Self.tellersAcross
                || generator.next(below: self.within.count + 1) < Self.tellersAcross
            quota = isTeller ? 1 : 0
        }
        // Alone with one pick, a node of a small region takes turns between near and far.
        if quota == count, !self.within.isEmpty { quota = generator.next(below: 2) }
        let (within, across) = (self.within, self.across)
        if within.isEmpty { quota = count }
        return Self.pick(count - quota, below: within.count, excluded, &generator) { within[$0] }
            + Self.pick(quota, below: across.count, excluded, &generator) { across[$0] }
    }

    /// Picks up to `count` different peers, each as likely as any other, whatever its region.
    public func pickEvenly(
        _ count: Int,
        excluding excluded: [NodeID] = [],
        using generator: inout SeededGenerator
    ) -> [NodeID] {
        let (within, across) = (self.within, self.across)
        return Self.pick(count, below: within.count + across.count, excluded, &generator) { place in
            place < within.count ? within[place] : across[place - within.count]
        }
    }

    /// Picks up to `count` different ones of the `total` that `id` names.
    private static func pick(
        _ count: Int,
        below total: Int,
        _ excluded: [NodeID],
        _ generator: inout SeededGenerator,
        id: (Int) -> NodeID
    ) -> [NodeID] {
        guard count > 0, total > 0 else { return [] }
        // Few of many: try places at random. Otherwise: put all in random order.
        guard (count + excluded.count) * 4 <= total else {
            let left = (0..<total).map(id).filter { !excluded.contains($0) }
            return left.count <= count ? left : Array(generator.shuffle(left).prefix(count))
        }
        var picked: [NodeID] = []
        while picked.count < count {
            let id = id(generator.next(below: total))
            if !excluded.contains(id), !picked.contains(id) { picked.append(id) }
        }
        return picked
    }
}
