/// One region of one upstream: what it gets of the asked node's traffic, and why.
public struct RegionShareReport: Codable, Equatable, Sendable {
    /// The region; empty for failover targets.
    public var region: String
    /// Its share of the requests, 0 to 1.
    public var share: Double
    /// The part of its capacity that is in use, 0 to 1.
    public var capacity: Double
    /// Why it gets that share, in one word.
    public var cause: String
    /// The same in a few words.
    public var reason: String
    /// How long that has been the cause, in seconds.
    public var ageSeconds: Double
    /// How long it must still be well before its traffic returns; `nil` when it does not wait.
    @Nullable public var holdLeftSeconds: Double? = nil
    /// Requests of the asked node in flight there.
    public var inFlight: UInt64

    /// Creates a report; set the hold afterwards.
    public init(
        region: String,
        share: Double,
        capacity: Double,
        cause: String,
        reason: String,
        ageSeconds: Double,
        inFlight: UInt64
    ) {
        self.region = region
        self.share = share
        self.capacity = capacity
        self.cause = cause
        self.reason = reason
        self.ageSeconds = ageSeconds
        self.inFlight = inFlight
    }
}

/// One address of one target: its share, how it stands, and the evidence behind it.
public struct TargetShareReport: Codable, Equatable, Sendable {
    /// `host:port` as configured.
    public var target: String
    /// The resolved address.
    public var address: String
    /// The region it is tagged with; empty for none.
    public var region: String
    /// The configured weight.
    public var weight: Int
    /// The share of its weight that it gets, 0 to 1.
    public var factor: Double
    /// The share of the upstream's requests that region, weight and factor give it, 0 to 1.
    public var share: Double
    /// Where it stands: `unknown`, `up`, `suspect`, `down`, `trial`, `ramp`, `slow`, `draining` or
    /// `disabled`.
    public var stage: String
    /// Its circuit at the asked node: `closed`, `open` or `half-open`; `nil` when an operator has taken
    /// it out.
    @Nullable public var circuit: String? = nil
    /// For how long, in seconds.
    public var ageSeconds: Double
    /// Why, in a few words.
    public var reason: String
    /// In how long single requests may try it; `nil` when it is in use, waits for an operator, or fails
    /// its checks.
    @Nullable public var nextTrySeconds: Double? = nil
    /// Attempts at it since the node has it.
    public var attempts: UInt64 = 0
    /// Those that failed before a response.
    public var failures: UInt64 = 0
    /// Requests in flight.
    public var inFlight: UInt64 = 0
    /// Requests that the asked node may have in flight there; `nil` for any number.
    @Nullable public var limit: UInt64? = nil
    /// Requests whose key belongs there, but that went on since it was over its bound; `nil` where
    /// there is none.
    @Nullable public var passedOver: UInt64? = nil
    /// How long it takes to answer; `nil` when unknown.
    @Nullable public var latencyMs: Double? = nil
    /// How long its like take; `nil` when unknown.
    @Nullable public var usualLatencyMs: Double? = nil
    /// Who says what of it.
    public var observations: [ObservationReport] = []

    /// Creates a report; set the rest afterwards.
    public init(target: String, address: String, region: String, weight: Int) {
        self.target = target
        self.address = address
        self.region = region
        self.weight = weight
        self.factor = 1
        self.share = 0
        self.stage = "unknown"
        self.ageSeconds = 0
        self.reason = ""
    }
}

/// Requests of the asked node that found no target with room.
public struct WaitingReport: Codable, Equatable, Sendable {
    /// Those that wait now.
    public var waiting: UInt64
    /// Those that had to wait since the node has the upstream.
    public var waited: UInt64
    /// How long those that wait no more have waited, on average; `nil` before the first.
    @Nullable public var waitedMs: Double? = nil
    /// Those that were answered 503.
    public var shed: UInt64

    /// Creates a report; set the mean afterwards.
    public init(waiting: UInt64, waited: UInt64, shed: UInt64) {
        self.waiting = waiting
        self.waited = waited
        self.shed = shed
    }
}

/// How one upstream's requests are shared out at the asked node, and why.
public struct BalanceReport: Codable, Equatable, Sendable {
    /// The upstream's name.
    public var upstream: String
    /// The balancing algorithm, in Kong's words.
    public var algorithm: String
    /// Its regions, best first; empty when regions play no part.
    public var regions: [RegionShareReport]
    /// Its targets, by region, then by name.
    public var targets: [TargetShareReport]
    /// How many times its fair share of requests in flight a target may have before keys go on; `nil`
    /// for any number.
    @Nullable public var loadBound: Double? = nil
    /// What waits for them; `nil` for an upstream without limits.
    @Nullable public var waiting: WaitingReport? = nil

    /// Creates a report; set what waits afterwards.
    public init(
        upstream: String,
        algorithm: String,
        regions: [RegionShareReport],
        targets: [TargetShareReport]
    ) {
        self.upstream = upstream
        self.algorithm = algorithm
        self.regions = regions
        self.targets = targets
    }
}

/// The answer of `/mesh/balance/{name}`.
public struct BalancesReport: Codable, Equatable, Sendable {
    /// The upstreams that the name stands for.
    public var upstreams: [BalanceReport]
    /// Who says so.
    public var view: ViewReport

    /// Creates an answer.
    public init(upstreams: [BalanceReport], view: ViewReport) {
        self.upstreams = upstreams
        self.view = view
    }
}

/// The answer of `/mesh/why/{subject}`: how things stand, and how it came to that.
public struct WhyReport: Codable, Equatable, Sendable {
    /// Most events of one answer: 100.
    public static let eventLimit = 100

    /// What was asked about.
    public var subject: String
    /// How it stands now; only the targets that were asked about.
    public var upstreams: [BalanceReport]
    /// What has moved traffic, the oldest first, as far as the node remembers.
    public var events: [EventReport]
    /// Who says so.
    public var view: ViewReport

    /// Creates an answer.
    public init(
        subject: String,
        upstreams: [BalanceReport],
        events: [EventReport],
        view: ViewReport
    ) {
        self.subject = subject
        self.upstreams = upstreams
        self.events = events
        self.view = view
    }
}
