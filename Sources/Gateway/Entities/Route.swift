/// Which requests go to a service.
public struct Route: Equatable, Sendable {
    /// An address range or port of a stream route.
    public struct Peer: Equatable, Sendable {
        /// Address or CIDR block.
        public var ip: String?
        /// Port, 0 to 65,535.
        public var port: Int?

        /// Creates a peer.
        public init(ip: String? = nil, port: Int? = nil) {
            self.ip = ip
            self.port = port
        }
    }

    /// How the service's path and the request's path are joined.
    public enum PathHandling: String, CaseIterable, Sendable {
        /// By segments, the default.
        case v0
        /// Plain concatenation; only the `traditional` router honours it.
        case v1
    }

    /// Primary key.
    public var id: EntityID
    /// Unique name.
    public var name: String?
    /// Protocols of the requests that match; at least one.
    public var protocols: [GatewayProtocol] = [.http, .https]
    /// Methods in upper case; empty matches all.
    public var methods: [String] = []
    /// Hosts, one wildcard label allowed at either end, optional port; empty matches all.
    public var hosts: [String] = []
    /// Prefixes (`/…`) and regexes (`~/…`); empty matches all.
    public var paths: [String] = []
    /// Headers that must be there, sorted by name; empty matches all.
    public var headers: [HeaderValues] = []
    /// TLS server names; empty matches all.
    public var snis: [String] = []
    /// Clients of a stream route.
    public var sources: [Peer] = []
    /// Local addresses of a stream route.
    public var destinations: [Peer] = []
    /// Answer to plain HTTP when only `https` is listed: 426, 301, 302, 307 or 308.
    public var httpsRedirectStatusCode = 426
    /// Whether the matched part of the path is cut off.
    public var stripPath = true
    /// Whether the target sees the client's `Host`.
    public var preserveHost = false
    /// Whether a request body is taken in whole before it is sent on.
    public var requestBuffering = true
    /// Whether a response body is taken in whole before it is sent on.
    public var responseBuffering = true
    /// Higher goes first among regex paths.
    public var regexPriority = 0
    /// How paths are joined.
    public var pathHandling = PathHandling.v0
    /// The service, unless a plugin answers.
    public var service: EntityID?
    /// What must hold of a request, instead of all criteria above; only the router of the flavour
    /// `expressions` has it.
    public var expression: String?
    /// Higher goes first among expressions, 0 to 2⁴⁶ − 1; `nil` counts as 0.
    public var priority: Int?
    /// When a request goes to another target, in place of what the service says; a key that Kong does
    /// not have.
    public var retry: RetryRules?
    /// How urgent its requests are, 0, the most, to 7; default 3, as in RFC 9218.
    ///
    /// The least urgent are shed first. A key that Kong does not have.
    public var urgency = 3
    /// Header whose value says it of one request, a digit or RFC 9218's `u=`; a key that Kong does not
    /// have.
    public var urgencyHeader: String?
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?
    /// Unix seconds of the last change.
    public var updatedAt: Int?

    /// Creates a route with Kong's defaults.
    public init(
        id: EntityID,
        name: String? = nil,
        service: EntityID? = nil,
        hosts: [String] = [],
        paths: [String] = [],
        methods: [String] = []
    ) {
        self.id = id
        self.name = name
        self.service = service
        self.hosts = hosts
        self.paths = paths
        self.methods = methods
    }
}
