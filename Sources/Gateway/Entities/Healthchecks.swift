/// How an upstream's targets are checked; every default is Kong's, which leaves all checks off.
public struct Healthchecks: Equatable, Sendable {
    /// What a check speaks.
    public enum CheckType: String, CaseIterable, Sendable {
        /// Connect only.
        case tcp
        /// Ask in the clear.
        case http
        /// Ask over TLS.
        case https
        /// Ask gRPC's health service in the clear; Kong takes the word and does not check.
        case grpc
        /// Ask gRPC's health service over TLS.
        case grpcs
    }

    /// What counts towards health.
    public struct Healthy: Equatable, Sendable {
        /// Seconds between active probes of a healthy target, 0 to 65,535; 0 is off.
        public var interval: Double = 0
        /// Statuses that count as success.
        public var httpStatuses: [Int]
        /// Successes that make a target healthy, 0 to 255; 0 is off.
        public var successes = 0

        /// Creates the default.
        public init(httpStatuses: [Int]) { self.httpStatuses = httpStatuses }
    }

    /// What counts against health.
    public struct Unhealthy: Equatable, Sendable {
        /// Seconds between active probes of an unhealthy target, 0 to 65,535; 0 is off.
        public var interval: Double = 0
        /// Statuses that count as failure.
        public var httpStatuses: [Int]
        /// Connect failures that make a target unhealthy, 0 to 255; 0 is off.
        public var tcpFailures = 0
        /// Timeouts that make a target unhealthy, 0 to 255; 0 is off.
        public var timeouts = 0
        /// Failure statuses that make a target unhealthy, 0 to 255; 0 is off.
        public var httpFailures = 0

        /// Creates the default.
        public init(httpStatuses: [Int]) { self.httpStatuses = httpStatuses }
    }

    /// Probes that the gateway sends.
    public struct Active: Equatable, Sendable {
        /// What a probe speaks.
        public var type = CheckType.http
        /// Seconds a probe may take, 0 to 65,535.
        public var timeout: Double = 1
        /// Probes at the same time, 1 to 2,147,483,648.
        public var concurrency = 10
        /// Path asked for.
        public var httpPath = "/"
        /// Server name of the TLS handshake.
        public var httpsSNI: String?
        /// Whether the target's certificate is checked.
        public var httpsVerifyCertificate = true
        /// Further headers of a probe, sorted by name.
        public var headers: [HeaderValues] = []
        /// What counts towards health.
        public var healthy = Healthy(httpStatuses: [200, 302])
        /// What counts against health.
        public var unhealthy = Unhealthy(
            httpStatuses: [429, 404, 500, 501, 502, 503, 504, 505]
        )

        /// Creates the default: no probes.
        public init() {}
    }

    /// Judgement of the traffic that goes through.
    public struct Passive: Equatable, Sendable {
        /// What is judged: statuses with `http` and `https`, connects with all.
        public var type = CheckType.http
        /// What counts towards health.
        public var healthy = Healthy(
            httpStatuses: [
                200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 306,
                307, 308,
            ]
        )
        /// What counts against health.
        public var unhealthy = Unhealthy(httpStatuses: [429, 500, 503])

        /// Creates the default: nothing is judged.
        public init() {}
    }

    /// Percent of weight that must be available, 0 to 100; below, the whole upstream is refused.
    public var threshold: Double = 0
    /// Probes.
    public var active = Active()
    /// Judgement of traffic.
    public var passive = Passive()

    /// Creates the default: everything off.
    public init() {}
}
