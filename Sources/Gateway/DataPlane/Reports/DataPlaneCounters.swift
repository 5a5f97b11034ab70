public import MeshPrimitives

/// What all workers have counted since the start.
///
/// Routes and targets count from when the configuration got them, and are gone when it loses them.
public struct DataPlaneCounters: Equatable, Sendable {
    /// Requests of one route that ended with one status.
    public struct RequestCount: Equatable, Sendable {
        /// Who made the response.
        public enum Source: String, Sendable {
            /// The target.
            case service
            /// The gateway itself.
            case gateway = "kong"
        }

        /// The status sent to the client; 499 when the client left first.
        public var code: UInt16
        /// Who made the response.
        public var source: Source
        /// How many.
        public var count: UInt64

        /// Creates a count.
        ///
        /// - Parameters:
        ///   - code: the status.
        ///   - source: who made the response.
        ///   - count: how many.
        public init(code: UInt16, source: Source, count: UInt64) {
            self.code = code
            self.source = source
            self.count = count
        }
    }

    /// A histogram of milliseconds.
    public struct Histogram: Equatable, Sendable {
        /// Upper bounds of the buckets in milliseconds, rising; the last bucket has none.
        public var bounds: [UInt32]
        /// Samples per bucket, not cumulative; one more than ``bounds``.
        public var counts: [UInt64]
        /// Sum of the samples in microseconds.
        public var sumMicroseconds: UInt64

        /// Creates an empty histogram.
        public init(bounds: [UInt32]) {
            self.bounds = bounds
            self.counts = Array(repeating: 0, count: bounds.count + 1)
            self.sumMicroseconds = 0
        }
    }

    /// What one consumer's requests on a route cost.
    public struct ConsumerCounters: Equatable, Sendable {
        /// Its user name, or what else it is called; `other` for those that had no room.
        public var name: String
        /// Requests by status.
        public var requests: [RequestCount]
        /// Bytes received from it.
        public var ingressBytes: UInt64
        /// Bytes sent to it.
        public var egressBytes: UInt64

        /// Creates a share.
        ///
        /// - Parameters:
        ///   - name: the consumer's, or none.
        ///   - requests: requests by status.
        ///   - ingressBytes: bytes received.
        ///   - egressBytes: bytes sent.
        public init(
            name: String,
            requests: [RequestCount] = [],
            ingressBytes: UInt64 = 0,
            egressBytes: UInt64 = 0
        ) {
            self.name = name
            self.requests = requests
            self.ingressBytes = ingressBytes
            self.egressBytes = egressBytes
        }
    }

    /// What was counted for one route.
    public struct RouteCounters: Equatable, Sendable {
        /// Kong's upper bounds of request and upstream latency.
        public static let latencyBounds: [UInt32] = [
            25, 50, 80, 100, 250, 400, 700, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000,
        ]
        /// Kong's upper bounds of its own share of the latency.
        public static let gatewayLatencyBounds: [UInt32] = [
            1, 2, 5, 7, 10, 15, 20, 30, 50, 75, 100, 200, 500, 750, 1_000, 3_000, 6_000,
        ]

        /// Name of the service, or its id; empty for routes without one.
        public var service: String
        /// Name of the route, or its id.
        public var route: String
        /// Whether it has sessions in place of requests.
        public var isStream = false
        /// Requests by status, or sessions.
        public var requests: [RequestCount] = []
        /// From the request's first byte to the response's last.
        public var requestLatency = Histogram(bounds: RouteCounters.latencyBounds)
        /// From sending to the target to its response head.
        public var upstreamLatency = Histogram(bounds: RouteCounters.latencyBounds)
        /// The rest: from the request's first byte to sending it on.
        public var gatewayLatency = Histogram(bounds: RouteCounters.gatewayLatencyBounds)
        /// ``requestLatency`` in fine steps.
        public var latency = LatencyDistribution()
        /// Bytes received from clients.
        public var ingressBytes: UInt64 = 0
        /// Bytes sent to clients.
        public var egressBytes: UInt64 = 0
        /// The consumers' shares of requests and bytes, by name, where a plugin asks for them.
        public var consumers: [ConsumerCounters] = []
        /// What no consumer has a share in; with ``consumers`` it is the whole.
        public var unnamed = ConsumerCounters(name: "")

        /// Creates empty counters.
        public init(service: String, route: String) {
            self.service = service
            self.route = route
        }
    }

    /// Attempts at one target.
    public struct TargetCounters: Equatable, Sendable {
        /// The address.
        public var id: TargetID
        /// Attempts now in flight.
        public var inFlight: UInt64 = 0
        /// Attempts begun.
        public var attempts: UInt64 = 0
        /// Attempts that failed before a response head.
        public var failures: UInt64 = 0
        /// Attempts that this node may have in flight there; 0 for any number.
        public var limit: UInt64 = 0
        /// Attempts that came here since another region bore no more.
        public var overflows: UInt64 = 0
        /// Requests whose key belongs there, but that went on since it was over its bound.
        public var passedOver: UInt64 = 0
        /// From sending to the target to its response head.
        public var latency = LatencyDistribution()

        /// Creates zeros.
        public init(id: TargetID) { self.id = id }
    }

    /// Requests that found no target with room.
    public struct WaitingCounters: Equatable, Sendable {
        /// Those that were answered 503, of one urgency and for one reason.
        public struct Shed: Equatable, Sendable {
            /// 0, the most urgent, to 7.
            public var urgency: Int
            /// `full`, `deadline` or `waited`.
            public var reason: String
            /// How many.
            public var count: UInt64
        }

        /// The upstream's name.
        public var upstream: String
        /// Requests that wait now.
        public var waiting: UInt64 = 0
        /// Requests that had to wait.
        public var entered: UInt64 = 0
        /// How long those that wait no more have waited, in microseconds.
        public var waitedMicroseconds: UInt64 = 0
        /// Those that were shed.
        public var shed: [Shed] = []

        /// Creates zeros.
        public init(upstream: String) { self.upstream = upstream }
    }

    /// What failed by one cause.
    public struct FailureCounters: Equatable, Sendable {
        /// Whose doing it was: `client`, `target` or `gateway`, as in the access log.
        public var owner: String
        /// What happened, as in the access log.
        public var cause: String
        /// Attempts at a target; another may have followed.
        public var attempts: UInt64
        /// Requests that ended so.
        public var requests: UInt64
    }

    /// HTTP/2 sessions that ended by a fault of the client.
    public struct SessionFaults: Equatable, Sendable {
        /// What the client did.
        public var cause: String
        /// How many.
        public var count: UInt64
    }

    /// Routes that had requests, sorted by service and route.
    public var routes: [RouteCounters] = []
    /// Targets that had attempts, or have a limit, sorted by id.
    public var targets: [TargetCounters] = []
    /// Upstreams with limits.
    public var waiting: [WaitingCounters] = []
    /// Requests begun, unmatched ones included.
    public var requests: UInt64 = 0
    /// Requests that no route matched.
    public var unmatched: UInt64 = 0
    /// Requests refused because their bytes were not HTTP.
    public var malformed: UInt64 = 0
    /// Requests now in flight.
    public var activeRequests: UInt64 = 0
    /// Client connections accepted.
    public var acceptedConnections: UInt64 = 0
    /// Client connections now open.
    public var activeConnections: UInt64 = 0
    /// Times that accepting paused for want of descriptors or room.
    public var acceptPauses: UInt64 = 0
    /// Connections opened to targets.
    public var upstreamConnections: UInt64 = 0
    /// Attempts after the first one of a request.
    public var retries: UInt64 = 0
    /// Every cause of failure, also those that never happened, in a fixed order.
    public var failures: [FailureCounters] = []
    /// TLS handshakes of clients that were agreed on.
    public var handshakes: UInt64 = 0
    /// TLS handshakes of clients that were not, or not in time.
    public var failedHandshakes: UInt64 = 0
    /// HTTP/2 sessions of clients now open.
    public var clientSessions: UInt64 = 0
    /// HTTP/2 sessions with targets now open.
    public var targetSessions: UInt64 = 0
    /// Every fault of an HTTP/2 client, also those that never happened, in a fixed order.
    public var sessionFaults: [SessionFaults] = []
    /// Clients closed at once because their address had too many connections.
    public var refusedConnections: UInt64 = 0
    /// Access log lines dropped because the writer could not keep up.
    public var droppedLogLines: UInt64 = 0
    /// Datagrams, of clients or targets, that no room, target or limit let pass.
    public var droppedDatagrams: UInt64 = 0
    /// Sessions of datagrams that ended early because a worker had too many.
    public var evictedDatagramSessions: UInt64 = 0
    /// Bodies that went to disk because they were too long to wait in memory.
    public var spilledBodies: UInt64 = 0
    /// Times that a body found no room on disk, or no file could be opened for it.
    public var spillFailures: UInt64 = 0
    /// Failed requests that were not tried again because their upstream's budget was used up.
    public var deniedRetries: UInt64 = 0
    /// Times that a second target was asked before the first had failed.
    public var hedges: UInt64 = 0
    /// Those that the second target answered first.
    public var hedgesWon: UInt64 = 0

    /// Creates zeros.
    public init() {}

    /// Latency by service: the sum of its routes'; by name, routes without a service under "".
    ///
    /// Streams are left out: how long a client stays connected says nothing about the service.
    public func latencyByService() -> [String: LatencyDistribution] {
        var result: [String: LatencyDistribution] = [:]
        for route in self.routes where !route.isStream {
            result[route.service, default: LatencyDistribution()].merge(route.latency)
        }
        return result
    }
}
