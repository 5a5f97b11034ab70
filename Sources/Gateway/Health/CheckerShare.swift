import MeshPrimitives

/// Who checks a target: the same at every node that knows the same peers.
///
/// Rendezvous hashing, so that a node that comes or goes moves only its own share. In the target's
/// region (in all regions, when no peer is in it) some nodes check it, of all other nodes one.
struct CheckerShare: Sendable {
    /// What a node has to do with one target.
    struct Part: Equatable, Sendable {
        /// Its place among the checkers; `nil` when it does not check.
        var rank: Int?
        /// How many check, at least 1.
        var checkers = 1
        /// Its place among the nodes of its own region that may try a target that was out of use.
        var turn = 0
        /// How many take turns, at least 1.
        var turns = 1
    }

    private struct Place: Sendable {
        let id: NodeID
        let key: UInt64
        let region: String
    }

    private let own: HealthPeer
    private let perRegion: Int
    private let places: [Place]
    private let counts: [String: Int]

    init(own: HealthPeer, peers: [HealthPeer], perRegion: Int) {
        self.own = own
        self.perRegion = max(1, perRegion)
        self.places = (peers.filter { $0.id != own.id } + [own]).map { peer in
            let key = SeededGenerator.mix(peer.id.high ^ peer.id.low)
            return Place(id: peer.id, key: key, region: peer.region)
        }
        self.counts = Dictionary(grouping: self.places, by: \.region).mapValues(\.count)
    }

    /// The own part in a target of `region`, in O(peers).
    func part(in target: TargetID, of region: String) -> Part {
        let home = self.counts[region] ?? 0
        let isHome = home == 0 || region == self.own.region
        let key = SeededGenerator.mix(self.own.id.high ^ self.own.id.low)
        let score = SeededGenerator.mix(target.rawValue ^ key)
        var better = 0
        var part = Part()
        for place in self.places where place.id != self.own.id {
            guard SeededGenerator.mix(target.rawValue ^ place.key) > score else { continue }
            if place.region == self.own.region { part.turn += 1 }
            if home == 0 || (place.region == region) == isHome { better += 1 }
        }
        let local = min(self.perRegion, home == 0 ? self.places.count : home)
        part.checkers = local + (home > 0 && home < self.places.count ? 1 : 0)
        part.turns = max(1, self.counts[self.own.region] ?? 1)
        if isHome {
            part.rank = better < local ? better : nil
        } else {
            part.rank = better == 0 ? local : nil
        }
        return part
    }

    /// All checkers of a target of `region`, first rank first.
    func checkers(of target: TargetID, in region: String) -> [NodeID] {
        let ranked = self.places.sorted {
            SeededGenerator.mix(target.rawValue ^ $0.key)
                > SeededGenerator.mix(target.rawValue ^ $1.key)
        }
        guard self.counts[region] != nil else { return ranked.prefix(self.perRegion).map(\.id) }
        return ranked.filter { $0.region == region }.prefix(self.perRegion).map(\.id)
            + ranked.filter { $0.region != region }.prefix(1).map(\.id)
    }
}
