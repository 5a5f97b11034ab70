/// What one node has seen of one target, as the asked node last heard it.
public struct ObservationReport: Codable, Equatable, Sendable {
    /// What the observer makes of its own evidence.
    public enum State: String, Codable, CaseIterable, Sendable {
        /// It reaches the target.
        case ok
        /// It failed lately, below the threshold.
        case failing
        /// It failed up to the threshold.
        case failed
        /// It has no evidence, or the evidence is too old.
        case unknown
    }

    /// The observing node's name.
    public var observer: String
    /// The observing node's region.
    public var region: String
    /// What it makes of its evidence.
    public var state: State
    /// Attempts and active checks that succeeded since the last failure.
    public var successes: UInt64
    /// Attempts and active checks that failed since the last success.
    public var failures: UInt64
    /// Whether this node is one of those that probe the target.
    public var isProber: Bool
    /// The last failure in a few words, such as `connect refused` or `503`.
    @Nullable public var lastFailure: String? = nil
    /// How long ago that failure was, in seconds.
    @Nullable public var lastFailureAgeSeconds: Double? = nil
    /// How old this evidence is, in seconds.
    public var ageSeconds: Double
    /// How many nodes of its region speak against the target, of which the observer tells other regions, 0
    /// when none does; `nil` when it speaks for itself.
    @Nullable public var nodesAgainst: UInt64? = nil

    /// Creates an observation of nothing; set the counts afterwards.
    public init(observer: String, region: String, state: State) {
        self.observer = observer
        self.region = region
        self.state = state
        self.successes = 0
        self.failures = 0
        self.isProber = false
        self.ageSeconds = 0
    }
}

/// One address of one target: everybody's evidence, and what the asked node makes of it.
public struct TargetHealthReport: Codable, Equatable, Sendable {
    /// What the asked node does with the target.
    public enum Verdict: String, Codable, CaseIterable, Sendable {
        /// It takes its full share.
        case healthy
        /// It takes a lowered share.
        case lowered
        /// It takes nothing.
        case excluded
        /// It takes nothing new, since an operator drains it.
        case draining
        /// It takes nothing, since an operator has disabled it.
        case disabled
        /// No check is configured, so it takes its full share whatever happens.
        case unchecked = "healthchecks_off"
        /// Its host name does not resolve.
        case unresolved = "dns_error"
    }

    /// `host:port` as configured.
    public var target: String
    /// The resolved address; `nil` while the name does not resolve.
    @Nullable public var address: String? = nil
    /// The configured weight.
    public var weight: Int
    /// The region it is tagged with; empty for none.
    public var region: String
    /// The zone it is tagged with; empty for none.
    public var zone: String
    /// What the asked node does with it.
    public var verdict: Verdict
    /// Its circuit at the asked node: `closed`, `open` or `half-open`; `nil` when an operator has taken
    /// it out or its name does not resolve.
    @Nullable public var circuit: String? = nil
    /// The share of its weight that it gets, 0 to 1.
    public var factor: Double
    /// Why, in a few words; empty when there is nothing to say.
    public var reason: String
    /// Evidence per observer, sorted by region, then name.
    public var observations: [ObservationReport]

    /// Creates a report of a healthy target without evidence; set the rest afterwards.
    public init(target: String, address: String?, weight: Int) {
        self.target = target
        self.weight = weight
        self.region = ""
        self.zone = ""
        self.verdict = .healthy
        self.factor = 1
        self.reason = ""
        self.observations = []
        self.address = address
    }
}

/// The targets of one upstream.
public struct UpstreamHealthReport: Codable, Equatable, Sendable {
    /// The upstream's id; for a service without upstream, the service's id.
    public var id: String
    /// The upstream's name; for a service without upstream, the service's host.
    public var name: String
    /// The balancing algorithm, in Kong's words.
    public var algorithm: String
    /// The region that takes the asked node's traffic now; empty when regions play no part.
    public var activeRegion: String
    /// Its targets, in configuration order.
    public var targets: [TargetHealthReport]

    /// Creates a report.
    public init(id: String, name: String, algorithm: String, targets: [TargetHealthReport]) {
        self.id = id
        self.name = name
        self.algorithm = algorithm
        self.activeRegion = ""
        self.targets = targets
    }
}

/// The answer of `/mesh/health`.
public struct HealthReport: Codable, Equatable, Sendable {
    /// Upstreams sorted by name.
    public var upstreams: [UpstreamHealthReport]
    /// Who says so.
    public var view: ViewReport

    /// Creates an answer.
    public init(upstreams: [UpstreamHealthReport], view: ViewReport) {
        self.upstreams = upstreams
        self.view = view
    }
}

extension [ObservationReport] {
    /// How many speak against a target, of how many: observers that speak for themselves, and apart from
    /// them the nodes of other regions, of which only the number is told here.
    ///
    /// `nil` when nobody does.
    public var objection: String? {
        let own = self.filter { $0.nodesAgainst == nil }
        let against = own.count { $0.state == .failed || $0.state == .failing }
        var far: [String: UInt64] = [:]
        for one in self {
            guard let nodes = one.nodesAgainst, nodes > 0 else { continue }
            far[one.region] = Swift.max(far[one.region] ?? 0, nodes)
        }
        var parts = far.sorted { $0.key < $1.key }.map { region, nodes in
            "\(nodes) \(nodes == 1 ? "node" : "nodes") of \(region)"
        }
        if against > 0 { parts.insert("\(against) of \(own.count) observers", at: 0) }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}
