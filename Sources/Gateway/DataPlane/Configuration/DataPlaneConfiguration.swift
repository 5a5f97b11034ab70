internal import Glibc
public import MeshEntities
public import MeshHTTP
public import MeshPrimitives

/// How the proxy listens, how patient it is with clients, and what it tells them.
///
/// Each field names the node's setting that fills it; defaults and ranges stand here and nowhere
/// else. Time limits towards targets are Kong's service fields and not here.
public struct DataPlaneConfiguration: Equatable, Sendable {
    /// Addresses for plain HTTP that every worker listens on; port 0 lets the system choose one.
    ///
    /// `proxy.listen`.
    public var listen: [ListenAddress] = []

    /// Addresses for HTTP over TLS, HTTP/1 or HTTP/2 by ALPN.
    ///
    /// `proxy.tls_listen`.
    public var tlsListen: [ListenAddress] = []

    /// Addresses for streams and datagrams that are relayed by stream routes.
    ///
    /// `proxy.stream_listen`.
    public var streamListen: [StreamListener] = []

    /// Threads that serve requests.
    ///
    /// `proxy.workers`; default 0, one per core; 0 to 256.
    public var workers = 0

    /// What TLS listeners show and ask.
    public var tls = ListenerTLS()

    /// Whether certificates of targets are checked where a service does not say.
    ///
    /// `proxy.ssl_verify`; default off, as Kong.
    public var verifiesTargets = false

    /// How routes are ordered, and whether they may be written as expressions.
    ///
    /// `proxy.router_flavor`; default `traditional_compatible`, as Kong. The same on every node of a
    /// mesh.
    public var routerFlavor = RouterFlavor.traditionalCompatible

    /// Connections to targets that are kept for the next request.
    public var targetPool = TargetPoolLimits()

    /// Which peers may say who the client is, and how.
    public var realAddress = RealAddressRule()

    /// Where access log lines go; `nil` writes none.
    ///
    /// `proxy.access_log`.
    public var accessLog: AccessLogSink?

    /// The form of access log lines.
    ///
    /// `proxy.access_log_format`; default `json`.
    public var accessLogFormat = AccessLogFormat.json

    /// Requests that each worker remembers for `meshctl tap` and `trace`, 768 bytes each.
    ///
    /// `proxy.recent_requests`; default 4,096; 0, which remembers none, to 1,000,000.
    public var recentRequests = 4_096

    /// Product and version in `Via` and `Server`.
    ///
    /// Default `kong/3.9.1`, since programs that parse these fields look for Kong's form.
    public var serverToken = "kong/\(KongRelease.version)"

    /// Fields of its own that the gateway adds to responses.
    ///
    /// `proxy.headers`; default Kong's: all but `X-Kong-Upstream-Status`.
    public var responseTokens = ResponseTokens.standard

    /// Whether a request with `Kong-Debug: 1` is answered with its route and service.
    ///
    /// `proxy.allow_debug_header`; default off: it tells clients about the inside.
    public var allowsDebugField = false

    /// Bodies of the gateway's own errors that replace the built-in ones.
    public var errorTemplates = ErrorTemplates()

    /// The form of an error when the request says nothing of what it accepts.
    ///
    /// `proxy.error_default_type`; default `text/plain`, as Kong.
    public var errorDefaultFormat = ErrorFormat.plain

    /// Most client connections of one worker; accepting pauses at the limit.
    ///
    /// `proxy.max_connections`; default 10,000; 1 to 1,000,000.
    public var maximumConnections = 10_000

    /// Most client connections of one worker from one address; more are closed at once.
    ///
    /// `proxy.max_connections_per_address`; default 0, no limit, for behind a balancer all
    /// connections come from few addresses; 256 suits a gateway that clients reach directly; 0 to
    /// 1,000,000. Connections from `realAddress.trusted` do not count.
    public var maximumConnectionsPerAddress = 0

    /// Most requests of one worker in progress, relayed connections included; more are answered 503
    /// with `Retry-After`, more connections of streams are closed.
    ///
    /// `proxy.max_requests`; default 0: nine tenths of what there is room for, which is
    /// ``maximumConnections`` + 4,096; 0 to 1,000,000.
    public var maximumRequests = 0

    /// Longest request body in bytes; longer ones are answered 413.
    ///
    /// `proxy.client_max_body_size`; default 0, no limit, as Kong.
    public var maximumBodyByteCount = 0

    /// Bytes of one body that wait in memory: of a request until it is whole, of a response for a
    /// client that is slower than its target; more waits on disk.
    ///
    /// `proxy.body_buffer_size`; default 256 KiB; 16 KiB to 64 MiB.
    public var bodyBufferByteCount = 256 * 1_024

    /// Bytes of memory that a worker has for waiting bodies; above it they go to disk at once, and at
    /// one 16 KiB block more for every request it has room for, new requests are shed.
    ///
    /// `proxy.body_buffer_memory`; default 256 MiB; 1 MiB to 1 TiB.
    public var bodyBufferMemory = 256 << 20

    /// Folder for bodies that wait on disk, in files without names that are gone when the process is.
    ///
    /// `proxy.body_buffer_dir`; default `/var/tmp`.
    public var bodyBufferDirectory: String? = "/var/tmp"

    /// Bytes that bodies of one worker may take on disk; without room they stream on.
    ///
    /// `proxy.body_buffer_disk`; default 1 GiB; 0, which uses no disk, to 1 PiB.
    public var bodyBufferDiskLimit = 1 << 30

    /// Sizes of heads, of requests and of responses.
    public var headLimits = HeadLimits()

    /// Time from the first byte of a request head to its last.
    ///
    /// `proxy.head_timeout`; default 10 s; 1 to 3,600 s.
    public var headTimeout: Duration = .seconds(10)

    /// Time that a client connection may stay open without a request.
    ///
    /// `proxy.idle_timeout`; default 75 s, as nginx; 1 to 86,400 s.
    public var idleTimeout: Duration = .seconds(75)

    /// Time that a client may take to accept more of a response.
    ///
    /// `proxy.write_stall_timeout`; default 30 s; 1 to 3,600 s.
    public var writeStallTimeout: Duration = .seconds(30)

    /// Time in which a request body must bring at least 1 KiB.
    ///
    /// `proxy.body_progress_timeout`; default 10 s; 1 to 3,600 s.
    public var bodyProgressTimeout: Duration = .seconds(10)

    /// Bytes that a response must bring within each `read_timeout` of its service once it has begun.
    ///
    /// `proxy.response_progress`; default 0: any byte is enough, as in Kong, for streams of events are
    /// slow by design; up to 1 GiB.
    public var responseProgressByteCount = 0

    /// Time that a client whose request was answered early may go on sending.
    ///
    /// `proxy.linger_timeout`; default 5 s; 0 to 3,600 s.
    public var lingerTimeout: Duration = .seconds(5)

    /// Time without a datagram of either side after which a client's session of a `udp` route ends; a
    /// shorter `read_timeout` of the service comes first.
    ///
    /// `proxy.udp_idle_timeout`; default 60 s; 1 to 3,600 s.
    public var datagramIdleTimeout: Duration = .seconds(60)

    /// Share of an upstream's requests of the last ten seconds that may be tried again, in per cent:
    /// when most targets fail, retries must not multiply the load of the rest.
    ///
    /// `proxy.retry_budget`; default 20; 0 to 10,000. Counted per worker.
    public var retryBudget = 20

    /// Retries per second that an upstream may have whatever its traffic is, at all nodes together.
    ///
    /// `proxy.retry_budget_floor`; default 10; 0 to 1,000,000.
    public var retryBudgetFloor = 10

    /// Whether a client that has closed its sending side still gets its answer.
    ///
    /// `proxy.half_closed_clients`; default off: it is taken to have gone, the request is cancelled
    /// and logged 499, as nginx does. On suits clients that send `FIN` after their request.
    public var keepsHalfClosedClients = false

    /// Creates the defaults, listening nowhere.
    public init() {}
}

/// Why the data plane did not start.
public indirect enum DataPlaneError: Error, Equatable, Sendable {
    /// An address could not be listened on.
    case cannotListen(Endpoint, errno: Int32)
    /// The access log's file could not be opened.
    case cannotOpenLog(path: String, errno: Int32)
    /// The system refused memory, a descriptor or a thread.
    case outOfResources
    /// It was started before.
    case startedTwice
}

extension DataPlaneError: CustomStringConvertible {
    /// One line for the operator: what failed, with what, what to do.
    public var description: String {
        switch self {
        case .cannotListen(let endpoint, let errno):
            "cannot listen on \(endpoint) (\(Self.reason(errno))): stop what uses it, or change "
                + "proxy.listen, proxy.tls_listen or proxy.stream_listen"
        case .cannotOpenLog(let path, let errno):
            "cannot open access log \(path) (\(Self.reason(errno))): check that its folder exists "
                + "and is writable"
        case .outOfResources:
            "the system refused memory, a descriptor or a thread: raise the limits of this process"
        case .startedTwice:
            "the data plane was started before: create a new one"
        }
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
