import MeshEntities
public import MeshHTTP
public import MeshPrimitives

/// How the proxy listens, and how patient it is with clients.
///
/// Time limits towards targets are Kong's service fields and not here.
public struct DataPlaneConfiguration: Sendable {
    /// Addresses that every worker listens on; port 0 lets the system choose one.
    public var listen: [Endpoint] = []

    /// Threads that serve requests.
    ///
    /// Default 0, one per core; 0 to 256.
    public var workers = 0

    /// Where access log lines go; `nil` writes none.
    public var accessLog: AccessLogSink?

    /// Product and version in `Via` and `Server`.
    ///
    /// Default `kong/3.9.1`, since programs that parse these fields look for Kong's form.
    public var serverToken = "kong/\(KongRelease.version)"

    /// Most client connections of one worker; accepting pauses at the limit.
    ///
    /// Default 10,000; 1 to 1,000,000.
    public var maximumConnections = 10_000

    /// Sizes of heads, of requests and of responses.
    public var headLimits = HeadLimits()

    /// Time from the first byte of a request head to its last.
    ///
    /// Default 10 s.
    public var headTimeout: Duration = .seconds(10)

    /// Time that a client connection may stay open without a request.
    ///
    /// Default 75 s, as nginx.
    public var idleTimeout: Duration = .seconds(75)

    /// Time that a client may take to accept more of a response.
    ///
    /// Default 30 s.
    public var writeStallTimeout: Duration = .seconds(30)

    /// Time in which a request body must bring at least 1 KiB.
    ///
    /// Default 10 s.
    public var bodyProgressTimeout: Duration = .seconds(10)

    /// Time that a client whose request was answered early may go on sending.
    ///
    /// Default 5 s.
    public var lingerTimeout: Duration = .seconds(5)

    /// Creates the defaults, listening nowhere.
    public init() {}
}

/// Where access log lines go.
public enum AccessLogSink: Equatable, Sendable {
    /// The process's standard output.
    case standardOutput
    /// A file, appended to and created when missing.
    case file(String)
}

/// Why the data plane did not start.
public enum DataPlaneError: Error, Equatable, Sendable {
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
            "cannot listen on \(endpoint) (errno \(errno)): free the address or change proxy.listen"
        case .cannotOpenLog(let path, let errno):
            "cannot open access log \(path) (errno \(errno)): check that its folder exists and is writable"
        case .outOfResources:
            "the system refused memory, a descriptor or a thread: raise the limits of this process"
        case .startedTwice:
            "the data plane was started before: create a new one"
        }
    }
}
