import MeshPrimitives

/// The nodes of a fleet, as far as changesets are concerned; copies share what is equal.
public struct ChangelogPeers: Sendable {
    private var table = NodeTable<ChangelogPeer>()
    private var known = SortedIDs()
    private var reachable = SortedIDs()
    private var reachableByRegion: [String: SortedIDs] = [:]
    private var counts: [String: Int] = [:]

    /// Creates a fleet of some nodes; of two with one identity the later counts.
    public init(_ peers: [ChangelogPeer] = []) { for peer in peers { self.insert(peer) } }

    /// How many there are, reachable or not.
    public var count: Int { self.table.count }
    /// How many are reachable.
    var reachableCount: Int { self.reachable.count }
    /// All of them, by identity.
    var ids: [NodeID] { self.known.all }
    /// Where they are, reachable or not.
    var regions: Set<String> { Set(self.counts.keys) }

    subscript(id: NodeID) -> ChangelogPeer? { self.table[id] }

    /// Takes a node out; an unknown one changes nothing.
    mutating func remove(_ id: NodeID) {
        guard let peer = self.table[id] else { return }
        self.table[id] = nil
        self.known.set(id, isListed: false)
        self.reachable.set(id, isListed: false)
        self.reachableByRegion[peer.region]?.set(id, isListed: false)
        let left = (self.counts[peer.region] ?? 0) - 1
        self.counts[peer.region] = left > 0 ? left : nil
    }

    /// Picks whom to tell: everybody reachable when they are few, else some, at least one of them of
    /// another region than `home` when there is one.
    func pick(
        _ count: Int,
        upToAll limit: Int,
        from home: String,
        using generator: inout SeededGenerator
    ) -> [NodeID] {
        guard self.reachable.count > limit else { return self.reachable.all }
        var chosen = self.reachable.pick(count, except: nil, using: &generator)
        guard chosen.allSatisfy({ self.table[$0]?.region == home }) else { return chosen }
        let regions = self.reachableByRegion.filter { $0.key != home && !$0.value.isEmpty }
            .keys.sorted()
        guard !regions.isEmpty,
            let abroad = self.reachableByRegion[regions[generator.next(below: regions.count)]]
        else { return chosen }
        chosen[chosen.count - 1] = abroad[generator.next(below: abroad.count)]
        return chosen
    }

    private mutating func insert(_ peer: ChangelogPeer) {
        self.remove(peer.node)
        self.table[peer.node] = peer
        self.known.set(peer.node, isListed: true)
        self.counts[peer.region, default: 0] += 1
        guard peer.isReachable else { return }
        self.reachable.set(peer.node, isListed: true)
        self.reachableByRegion[peer.region, default: SortedIDs()].set(peer.node, isListed: true)
    }
}
