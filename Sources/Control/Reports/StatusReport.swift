/// The answer of `/mesh/status`: one node about itself and the mesh, on one screen.
public struct StatusReport: Codable, Equatable, Sendable {
    /// Members by state, as the node sees them.
    public struct Counts: Codable, Equatable, Sendable {
        /// Members known.
        public var members: Int
        /// Members that answer.
        public var alive: Int
        /// Members that missed probes.
        public var suspect: Int
        /// Members given up.
        public var failed: Int
        /// Members that said good-bye.
        public var left: Int
        /// Members alive that are being taken out, or are out.
        public var draining: Int

        /// Counts members.
        public init(of members: [MemberReport]) {
            self.members = members.count
            self.alive = members.count { $0.state == .alive }
            self.suspect = members.count { $0.state == .suspect }
            self.failed = members.count { $0.state == .failed }
            self.left = members.count { $0.state == .left }
            self.draining = members.count { $0.state == .alive && $0.mode != .normal }
        }
    }

    /// The asked node.
    public var node: MemberReport
    /// The name that binds the nodes of one mesh together.
    public var cluster: String
    /// The identity of the mesh, 16 hexadecimal digits, drawn at its birth; empty when unknown.
    public var mesh: String
    /// Where it takes traffic.
    public var proxyAddresses: [String]
    /// Seconds since it started.
    public var uptimeSeconds: Double
    /// Whether its own traffic is accepted.
    public var ready: Bool
    /// Why it is not ready; `ready` otherwise.
    public var readiness: String
    /// Members by state.
    public var counts: Counts
    /// Regions sorted by name.
    public var regions: [RegionReport]
    /// Whether every alive node routes by the same configuration.
    public var configAgreed: Bool
    /// Whether the node's `config:` file says something else than what it routes by.
    public var configFileDiffers: Bool
    /// Entities by Kong's collection name.
    public var entities: [String: Int]
    /// Requests answered since the start.
    public var requests: UInt64
    /// Client connections open.
    public var connections: Int
    /// Datagrams and streams refused since the start, by reason.
    public var rejected: [String: UInt64]
    /// What keeps the node from its mesh or its disk; empty when all is well.
    public var troubles: [TroubleReport]
    /// Gossip keys in the ring.
    public var gossipKeys: Int
    /// Open file descriptors, when known.
    @Nullable public var openFiles: Int? = nil
    /// The limit of open file descriptors, when known.
    @Nullable public var openFileLimit: Int? = nil
    /// What its clock showed, in milliseconds since 1970; `nil` of an older version.
    @Nullable public var wallMilliseconds: UInt64? = nil
    /// Who says so.
    public var view: ViewReport

    /// Creates a report of a node alone that has served nothing; set the rest afterwards.
    public init(node: MemberReport, members: [MemberReport], view: ViewReport) {
        self.node = node
        self.cluster = ""
        self.mesh = ""
        self.proxyAddresses = []
        self.uptimeSeconds = 0
        self.ready = true
        self.readiness = "ready"
        self.counts = Counts(of: members)
        self.regions = []
        self.configAgreed = true
        self.configFileDiffers = false
        self.entities = [:]
        self.requests = 0
        self.connections = 0
        self.rejected = [:]
        self.troubles = []
        self.gossipKeys = 0
        self.view = view
    }
}
