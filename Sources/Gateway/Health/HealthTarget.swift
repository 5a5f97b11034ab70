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
    /// Its share of its upstream's capacity; above 0.
    public let weight: Int

    /// Creates a target.
    public init(
        id: TargetID,
        upstream: String,
        name: String,
        endpoint: Endpoint,
        region: String,
        weight: Int = 100
    ) {
        self.id = id
        self.upstream = upstream
        self.name = name
        self.endpoint = endpoint
        self.region = region
        self.weight = max(1, weight)
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
}
