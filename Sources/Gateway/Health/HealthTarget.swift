public import MeshPrimitives

/// One address whose health is tracked.
public struct HealthTarget: Equatable, Sendable {
    /// The address, by the number all nodes use.
    public let id: TargetID
    /// The upstream's name.
    public let upstream: String
    /// `host:port` as configured.
    public let name: String
    /// The resolved address.
    public let endpoint: Endpoint
    /// The region it is tagged with; empty when it has none.
    public let region: String

    /// Creates a target.
    public init(
        id: TargetID,
        upstream: String,
        name: String,
        endpoint: Endpoint,
        region: String
    ) {
        self.id = id
        self.upstream = upstream
        self.name = name
        self.endpoint = endpoint
        self.region = region
    }
}

/// An upstream's targets with the settings they are judged by.
public struct HealthUpstream: Equatable, Sendable {
    /// How to judge.
    public let settings: HealthSettings
    /// Whom to judge.
    public let targets: [HealthTarget]

    /// Creates an upstream.
    public init(settings: HealthSettings, targets: [HealthTarget]) {
        self.settings = settings
        self.targets = targets
    }
}

/// A node that takes part in checking: alive and not draining.
public struct HealthPeer: Hashable, Sendable {
    /// The node.
    public let id: NodeID
    /// The node's region.
    public let region: String

    /// Creates a peer.
    public init(id: NodeID, region: String) {
        self.id = id
        self.region = region
    }

    /// Picks the nodes that check a target: the same at every node that knows the same peers.
    ///
    /// Rendezvous hashing, so that a node that comes or goes moves only its own share. In the
    /// target's region (every region, when no peer is in it) up to `perRegion` nodes check it, in
    /// each other region one.
    ///
    /// - Returns: the checkers, first rank first.
    public static func checkers(
        of target: HealthTarget,
        among peers: [HealthPeer],
        perRegion: Int
    ) -> [HealthPeer] {
        let hasHome = peers.contains { $0.region == target.region }
        let regions = Dictionary(grouping: peers, by: \.region).sorted { $0.key < $1.key }
        var home: [HealthPeer] = []
        var away: [HealthPeer] = []
        for (region, members) in regions {
            let ranked = members.sorted { $0.rank(for: target.id) > $1.rank(for: target.id) }
            if region == target.region || !hasHome {
                home += ranked.prefix(perRegion)
            } else {
                away += ranked.prefix(1)
            }
        }
        return home + away
    }

    private func rank(for target: TargetID) -> UInt64 {
        SeededGenerator.mix(target.rawValue ^ SeededGenerator.mix(self.id.high ^ self.id.low))
    }
}
