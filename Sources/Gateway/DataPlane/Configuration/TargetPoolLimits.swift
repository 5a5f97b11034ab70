/// How connections to targets are kept for the next request; names and defaults are Kong's.
public struct TargetPoolLimits: Equatable, Sendable {
    /// Most idle connections that one worker keeps to one target.
    ///
    /// `proxy.upstream_keepalive_pool_size`; default 512; 0 keeps none; up to 1,000,000.
    public var size = 512

    /// Requests after which a connection is closed.
    ///
    /// `proxy.upstream_keepalive_max_requests`; default 10,000; 0 never; up to 1,000,000,000.
    public var maximumRequests = 10_000

    /// Time after which an idle connection is closed.
    ///
    /// `proxy.upstream_keepalive_idle_timeout`; default 60 s; 0 never; up to 86,400 s.
    public var idleTimeout: Duration = .seconds(60)

    /// Creates Kong's defaults.
    public init() {}
}
