public import MeshReports

/// What an operator asks of a region.
public struct RegionOrderRequest: Equatable, Sendable {
    /// The region.
    public var region: String
    /// What shall happen.
    public var order: RegionOrderReport.Order
    /// For how long; 1 s to 72 h.
    public var duration: Duration
    /// Whether only to tell what would happen.
    public var isDryRun: Bool
    /// Whether to do it even where nothing takes the traffic over.
    public var isForced: Bool
    /// Who asks.
    public var author: String
}

/// What an operator asks of a target.
public struct TargetOrderRequest: Equatable, Sendable {
    /// Name or id of the upstream.
    public var upstream: String
    /// `host:port` as configured, or the target's id.
    public var target: String
    /// What shall happen.
    public var order: TargetOrderReport.Order
    /// Who asks.
    public var author: String
}
