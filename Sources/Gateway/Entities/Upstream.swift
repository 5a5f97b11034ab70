/// A virtual host whose requests are spread over targets.
public struct Upstream: Equatable, Sendable {
    /// How a target is chosen.
    public enum Algorithm: String, CaseIterable, Sendable {
        /// By turns, in proportion to weight.
        case roundRobin = "round-robin"
        /// By a hash of the request.
        case consistentHashing = "consistent-hashing"
        /// The fewest requests in flight in proportion to weight.
        case leastConnections = "least-connections"
        /// The shortest measured latency.
        case latency
        /// The target that the client's cookie names; by turns for clients without one.
        case stickySessions = "sticky-sessions"
        /// Of many targets that report their load, the fastest one that is not hot; one that Kong does
        /// not have.
        case hcl
    }

    /// What consistent hashing hashes.
    public enum HashInput: String, CaseIterable, Sendable {
        /// Nothing.
        case none
        /// The consumer or credential.
        case consumer
        /// The client's address.
        case ip
        /// A header's value.
        case header
        /// A cookie's value.
        case cookie
        /// The path.
        case path
        /// A query argument's value.
        case queryArgument = "query_arg"
        /// A capture of the route's regex.
        case uriCapture = "uri_capture"
    }

    /// Which regions serve when this node's own cannot.
    public struct RegionPolicy: Equatable, Sendable {
        /// What sends traffic to other regions.
        public enum Spill: String, CaseIterable, Sendable {
            /// Nothing.
            case off
            /// What the first region with targets cannot carry.
            case load
            /// The loss of all of its targets.
            case failure
        }

        /// Regions after the node's own, first choice first; others follow by name.
        public var order: [String] = []
        /// Seconds of unbroken health before traffic returns to a better region; 0 to 86,400,
        /// default 60.
        public var hold: Double = 60
        /// Seconds in which its share then rises from a tenth to the whole; 0 to 86,400, default
        /// 100.
        public var ramp: Double = 100
        /// What sends traffic to other regions; default ``Spill/load``.
        public var spill = Spill.load

        /// Creates the default policy, or one with its own order.
        public init(
            order: [String] = [],
            hold: Double = 60,
            ramp: Double = 100,
            spill: Spill = .load
        ) {
            self.order = order
            self.hold = hold
            self.ramp = ramp
            self.spill = spill
        }
    }

    /// What one node sends to a target at most, and what waits when it may not.
    public struct Limits: Equatable, Sendable {
        /// Requests in flight at one target, 0 to 1,000,000; 0, the default, for any number.
        public var concurrency = 0
        /// Whether a limit of each target is found by measuring, at most ``concurrency``; default no.
        public var adaptive = false
        /// Requests that wait at one node when no target has room, 0 to 1,000,000; default 1,000.
        public var queue = 1_000
        /// Milliseconds that one waits at most, 0 to 60,000; default 50.
        public var queueTime = 50
        /// How many times its fair share of requests in flight a target may have before consistent
        /// hashing sends further keys on, 1 to 100; 0, the default, for any number.
        public var loadBound = 0.0

        /// Creates the default.
        public init() {}
    }

    /// When a target's circuit opens and closes.
    public struct Breaker: Equatable, Sendable {
        /// Failures in a row that open it, 0 to 65,535; 0, the default, leaves that to the gateway's
        /// own detectors.
        public var failures = 0
        /// Share of the attempts of about ten seconds whose failure opens it, 0 to 1; 0, the default,
        /// leaves that to the gateway's own detectors.
        public var ratio = 0.0
        /// Fewest attempts that a share is made of, 1 to 65,535; default 20.
        public var requests = 20
        /// Seconds that it stays open before single requests try the target, 0 to 3,600; 0, the
        /// default, for about 5 s that double with each time.
        public var open = 0.0
        /// Single requests that must succeed to close it, 1 to 100; default 3.
        public var successes = 3

        /// Creates the default.
        public init() {}
    }

    /// Primary key.
    public var id: EntityID
    /// Unique name, shaped like a host name; a service's `host` that equals it is balanced.
    public var name: String
    /// How a target is chosen.
    public var algorithm = Algorithm.roundRobin
    /// What is hashed.
    public var hashOn = HashInput.none
    /// What is hashed when the first is missing.
    public var hashFallback = HashInput.none
    /// Header of ``hashOn``.
    public var hashOnHeader: String?
    /// Header of ``hashFallback``.
    public var hashFallbackHeader: String?
    /// Cookie of ``hashOn``.
    public var hashOnCookie: String?
    /// Path of the cookie that is set when it is missing.
    public var hashOnCookiePath = "/"
    /// Query argument of ``hashOn``.
    public var hashOnQueryArg: String?
    /// Query argument of ``hashFallback``.
    public var hashFallbackQueryArg: String?
    /// Capture of ``hashOn``.
    public var hashOnURICapture: String?
    /// Capture of ``hashFallback``.
    public var hashFallbackURICapture: String?
    /// Cookie by which ``Algorithm/stickySessions`` knows a client's target.
    public var stickySessionsCookie: String?
    /// Path of that cookie.
    public var stickySessionsCookiePath = "/"
    /// Size of the hash ring, 10 to 65,536.
    public var slots = 10_000
    /// How targets are checked.
    public var healthchecks = Healthchecks()
    /// `Host` sent to targets.
    public var hostHeader: String?
    /// Certificate shown to targets.
    public var clientCertificate: EntityID?
    /// Whether an SRV record's name becomes the `Host`.
    public var useSrvName = false
    /// Labels.
    public var tags: [String] = []
    /// Which regions serve when this node's own cannot; a key that Kong does not have.
    public var regions = RegionPolicy()
    /// What one node sends to a target at most; a key that Kong does not have.
    public var limits = Limits()
    /// When a target's circuit opens and closes; a key that Kong does not have.
    public var breaker = Breaker()
    /// Unix seconds of creation.
    public var createdAt: Int?
    /// Unix seconds of the last change.
    public var updatedAt: Int?

    /// Whether hashing asks for a capture of the route's regex.
    public var hashesCaptures: Bool {
        self.hashOn == .uriCapture || self.hashFallback == .uriCapture
    }

    /// Whether targets over their bound pass keys on.
    public var boundsLoad: Bool {
        self.algorithm == .consistentHashing && self.limits.loadBound > 0
    }

    /// Creates an upstream with Kong's defaults.
    public init(id: EntityID, name: String) {
        self.id = id
        self.name = name
    }
}
