/// How the health of one upstream's targets is judged; Kong's `healthchecks` with Kong's meanings.
///
/// A threshold of 0 switches its counter off, as in Kong. What holds whatever the thresholds say:
/// a failed connection makes a target suspect at once; our own detectors take a target out of use
/// that fails, breaks or runs out of time several times in a row, or far more often than its like;
/// and whatever is out of use is probed until it is back, by TCP connect when no active check is
/// configured.
///
/// Source: Kong, `healthchecks` of an upstream. Deviation: counted failures must be consecutive, a
/// success clears them even when `successes` is 0.
public struct HealthSettings: Equatable, Sendable {
    /// Checks that nodes make by themselves.
    public struct Active: Equatable, Sendable {
        /// What a check does at the target.
        public var check: ProbeRequest.Check = .tcp
        /// Time for one check.
        ///
        /// Default 1 s.
        public var timeout: Duration = .seconds(1)
        /// Time between checks of a target that is in use; zero: none.
        ///
        /// Default zero.
        public var healthyInterval: Duration = .zero
        /// Time between checks of a target that is out of use; zero: 1 s.
        ///
        /// Default zero.
        public var unhealthyInterval: Duration = .zero
        /// Bytes that a check's connection begins with, in the clear: a PROXY header where targets
        /// want one.
        public var greeting: [UInt8] = []
        /// Thresholds and status lists.
        public var rules = Rules(healthyStatuses: [200, 302], unhealthyStatuses: [])

        /// Creates Kong's defaults: everything off.
        public init() {}
    }

    /// Status lists and thresholds, of active or of passive checks.
    public struct Rules: Equatable, Sendable {
        /// Statuses that count as success.
        public var healthyStatuses: Set<UInt16>
        /// Statuses that count as failure; others count as neither.
        public var unhealthyStatuses: Set<UInt16>
        /// Successes in a row that bring a target back; 0: three.
        public var successes = 0
        /// Failed connections in a row that exclude a target; 0: off.
        public var tcpFailures = 0
        /// Timeouts in a row that exclude a target; 0: off.
        public var timeouts = 0
        /// Unhealthy statuses in a row that exclude a target; 0: off.
        public var httpFailures = 0

        /// Creates rules with every threshold off.
        public init(healthyStatuses: Set<UInt16>, unhealthyStatuses: Set<UInt16>) {
            self.healthyStatuses = healthyStatuses
            self.unhealthyStatuses = unhealthyStatuses
        }
    }

    /// A user's circuit breaker, in place of our own detectors of failures.
    public struct Breaker: Equatable, Sendable {
        /// Failures in a row that open it; 0: our detectors alone.
        public var failures = 0
        /// Share of the attempts of about ten seconds whose failure opens it; 0: our detectors alone.
        public var ratio = 0.0
        /// Fewest attempts that a share is made of.
        ///
        /// Default 20.
        public var requests = 20
        /// How long it is open before single requests try the target; zero: as long as without it.
        public var open = Duration.zero
        /// Single requests that must succeed to close it.
        ///
        /// Default 3.
        public var successes = 3

        /// Creates one that never opens.
        public init() {}
    }

    /// Per cent of the targets' weight that must be in use, or the whole upstream refuses its requests:
    /// 0 to 100.
    ///
    /// Default 0: it serves as long as it can.
    public var threshold = 0.0
    /// When a target's circuit opens and closes.
    public var breaker = Breaker()
    /// Checks that nodes make.
    public var active = Active()
    /// Judging of proxied traffic.
    public var passive = Rules(healthyStatuses: [], unhealthyStatuses: [429, 500, 503])

    /// Creates Kong's defaults.
    public init() {}
}

/// The pace of the shared health layer; the same on all nodes.
public struct HealthTiming: Equatable, Sendable {
    /// Longest time that a wake may be late before this node distrusts what it took for timeouts:
    /// 250 ms.
    static let patience = Duration.milliseconds(250)
    /// How long a target may be tried without a request for it until what was seen of it is too old to
    /// be told: 60 s.
    static let idleTrial = Duration.seconds(60)

    /// Time between checks from the first contrary result until the verdict is settled, for at
    /// most ten checks.
    ///
    /// Default 250 ms.
    public var transitionInterval: Duration = .milliseconds(250)
    /// Time between checks of an excluded target when the upstream sets none.
    ///
    /// Default 1 s.
    public var recoveryInterval: Duration = .seconds(1)
    /// How long a target is out of use before single requests try it.
    ///
    /// Default 5 s, give or take a fifth; doubles every time, up to ``maximumBackoff``, and halves
    /// with every minute in use.
    public var backoff: Duration = .seconds(5)
    /// The longest time between trials.
    ///
    /// Default 300 s.
    public var maximumBackoff: Duration = .seconds(300)
    /// How long it is one node's turn to try a target; the nodes of a region take turns.
    ///
    /// Default 2 s.
    public var trialTurn: Duration = .seconds(2)
    /// How long a returning target's weight takes from a tenth to full, and a new target's in an
    /// upstream that serves.
    ///
    /// Default 10 s.
    public var ramp: Duration = .seconds(10)
    /// Checkers of a target among the nodes of its own region.
    ///
    /// Default 3; all other regions together send one.
    public var checkersPerRegion = 3

    /// Creates the defaults.
    public init() {}
}
