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
        let region: Int
    }

    private let perRegion: Int
    private let places: [Place]
    /// Numbers of the regions in which there are nodes.
    private let regions: [String: Int]
    /// How many nodes there are, by number of the region.
    private let counts: [Int]
    private let ownRegion: Int
    private let ownKey: UInt64

    init(own: HealthPeer, peers: [HealthPeer], perRegion: Int) {
        self.perRegion = max(1, perRegion)
        var regions: [String: Int] = [:]
        var counts: [Int] = []
        var places: [Place] = []
        for peer in [own] + peers.filter({ $0.id != own.id }) {
            let region = regions[peer.region] ?? counts.count
            if region == counts.count { counts.append(0) }
            regions[peer.region] = region
            counts[region] += 1
            let key = SeededGenerator.mix(peer.id.high ^ peer.id.low)
            places.append(Place(id: peer.id, key: key, region: region))
        }
        self.places = places
        self.regions = regions
        self.counts = counts
        self.ownRegion = places[0].region
        self.ownKey = places[0].key
    }

    /// The own part in a target of `region`, in O(peers).
    func part(in target: TargetID, of region: String) -> Part {
        let number = self.regions[region] ?? -1
        let home = number < 0 ? 0 : self.counts[number]
        let isHome = home == 0 || number == self.ownRegion
        let score = SeededGenerator.mix(target.rawValue ^ self.ownKey)
        var better = 0
        var part = Part()
        for place in self.places.dropFirst() {
            guard SeededGenerator.mix(target.rawValue ^ place.key) > score else { continue }
            if place.region == self.ownRegion { part.turn += 1 }
            if home == 0 || (place.region == number) == isHome { better += 1 }
        }
        let local = min(self.perRegion, home == 0 ? self.places.count : home)
        part.checkers = local + (home > 0 && home < self.places.count ? 1 : 0)
        part.turns = self.counts[self.ownRegion]
        if isHome {
            part.rank = better < local ? better : nil
        } else {
            part.rank = better == 0 ? local : nil
        }
        return part
    }

    /// Whether some nodes of the own region check the targets of `region`, and not one alone of all
    /// regions but that.
    func isHome(_ region: String) -> Bool {
        guard let number = self.regions[region], self.counts[number] > 0 else { return true }
        return number == self.ownRegion
    }

    /// All checkers of a target of `region`, first rank first.
    func checkers(of target: TargetID, in region: String) -> [NodeID] {
        let ranked = self.places.sorted {
            SeededGenerator.mix(target.rawValue ^ $0.key)
                > SeededGenerator.mix(target.rawValue ^ $1.key)
        }
        guard let number = self.regions[region] else {
            return ranked.prefix(self.perRegion).map(\.id)
        }
        return ranked.filter { $0.region == number }.prefix(self.perRegion).map(\.id)
            + ranked.filter { $0.region != number }.prefix(1).map(\.id)
    }
}
