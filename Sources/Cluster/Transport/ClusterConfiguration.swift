public import MeshChangelog
public import MeshMembership
public import MeshObservations
public import MeshPrimitives
public import MeshWire

/// How one node takes part in its cluster.
public struct ClusterConfiguration: Sendable {
    /// The name of a mesh that was given none.
    public static let defaultName = "meshgate"

    /// Where UDP and TCP are bound; port 0 lets the kernel choose one that is free for both.
    public var bind: Endpoint
    /// What the node says about itself.
    ///
    /// ``MeshMembership/MemberProfile/address`` is what peers are told to send to; a port of 0 there
    /// becomes the bound one.
    public var profile: MemberProfile
    /// The key that the node signs with; ``profile`` is of its identity.
    public var identity: MemberIdentity
    /// Which of the node's starts this is.
    ///
    /// Count its boot number on disk before the service starts: it outranks what peers remember.
    public var start: MemberStart
    /// Which mesh the node belongs to, from its disk.
    public var mesh: MeshClaim
    /// Addresses of members to join through; none starts a cluster of one.
    public var seeds: [Endpoint]
    /// The cluster's name; nodes of another name are strangers, whatever key they hold.
    public var clusterName: String
    /// The secrets of the cluster.
    public var keyRing: KeyRing
    /// Pace and patience of failure detection.
    ///
    /// Default ``MeshMembership/MembershipConfiguration/lan``.
    public var membership = MembershipConfiguration.lan
    /// Pace and bounds of the changelog.
    public var changelog = ChangelogConfiguration()
    /// Pace and bounds of observations.
    public var observations = ObservationConfiguration()
    /// Bounds of sockets and streams.
    public var streams = StreamLimits()
    /// Which protocol versions the node speaks, and tells of itself.
    ///
    /// Default ``MeshWire/WireDialect/current``.
    public var wire = WireDialect.current
    /// Seeds the order of probes and choice of peers; never a secret.
    public var seed: UInt64
    /// Whether a graceful shutdown says goodbye first.
    ///
    /// Default true.
    ///
    /// False lets a planned restart keep its place: peers probe it as before and suspect it at most.
    public var leavesOnShutdown = true

    /// Creates a configuration with defaults for all that is not named.
    public init(
        bind: Endpoint,
        profile: MemberProfile,
        identity: MemberIdentity,
        start: MemberStart,
        mesh: MeshClaim,
        seeds: [Endpoint],
        clusterName: String,
        keyRing: KeyRing,
        seed: UInt64
    ) {
        self.bind = bind
        self.profile = profile
        self.identity = identity
        self.start = start
        self.mesh = mesh
        self.seeds = seeds
        self.clusterName = clusterName
        self.keyRing = keyRing
        self.seed = seed
    }

    /// ``profile`` with the versions of ``wire``.
    var announced: MemberProfile {
        var profile = self.profile
        profile.protocolMinimum = self.wire.versions.minimum
        profile.protocolMaximum = self.wire.versions.maximum
        profile.additions = self.wire.recordFields
        return profile
    }
}

/// What bounds the TCP side of the cluster's port.
public struct StreamLimits: Equatable, Sendable {
    /// Streams accepted at once, strangers included.
    ///
    /// Default 128; more are closed at once.
    public var inbound = 128
    /// Streams opened at once.
    ///
    /// Default 64; more are given up at once.
    public var outbound = 64
    /// How long connecting and shaking hands may take.
    ///
    /// Default 2 s.
    public var handshakeTimeout: Duration = .seconds(2)
    /// How long a stream may be silent before it is closed.
    ///
    /// Default 15 s.
    public var idleTimeout: Duration = .seconds(15)
    /// Bytes that may wait for a slow peer before its stream is closed.
    ///
    /// Default 8 MiB.
    public var pendingByteCount = 8 << 20
    /// Bytes per second taken from one stream; whoever sends more waits.
    ///
    /// Default 16 MiB.
    public var byteRate = 16 << 20
    /// Bytes taken from one stream at once, after a quiet time.
    ///
    /// Default 64 MiB: the largest configurations come at full speed.
    public var byteBurst = 64 << 20

    /// Creates the defaults.
    public init() {}
}
