public import MeshPrimitives

/// One active check that the prober shall carry out.
public struct ProbeRequest: Equatable, Sendable {
    /// What to do at the target.
    public enum Check: Equatable, Sendable {
        /// Open a connection and close it.
        case tcp
        /// Send `GET path` with HTTP/1.1 and `Connection: close`, and read the response head.
        case http(path: String, host: String, headers: [ProbeField])
        /// The same over TLS.
        case https(path: String, host: String, headers: [ProbeField], tls: ProbeTLS)
        /// Call `grpc.health.v1.Health/Check` for the whole server, over TLS when there is some.
        case grpc(host: String, tls: ProbeTLS?)
    }

    /// The address to check.
    public let id: TargetID
    /// Counts the requests of one table; comes back in the ``ProbeResult``.
    public let sequence: UInt64
    /// Where to connect.
    public let endpoint: Endpoint
    /// What to do there.
    public let check: Check
    /// Time for the whole check, connect included.
    public let timeout: Duration
    /// Bytes that the connection begins with, in the clear; none for most targets.
    public let greeting: [UInt8]

    /// Creates a request.
    public init(
        id: TargetID,
        sequence: UInt64,
        endpoint: Endpoint,
        check: Check,
        timeout: Duration,
        greeting: [UInt8] = []
    ) {
        self.id = id
        self.sequence = sequence
        self.endpoint = endpoint
        self.check = check
        self.timeout = timeout
        self.greeting = greeting
    }
}

/// How a probe speaks TLS.
public struct ProbeTLS: Equatable, Sendable {
    /// The name in the ClientHello, also the one that the certificate must be for.
    public var serverName: String
    /// Whether the target's certificate is checked.
    public var verifies: Bool
    /// Id of the certificate that is shown to the target; `nil` for none.
    public var clientCertificate: String?

    /// Creates one.
    public init(serverName: String, verifies: Bool, clientCertificate: String? = nil) {
        self.serverName = serverName
        self.verifies = verifies
        self.clientCertificate = clientCertificate
    }
}

/// One header field that a probe sends.
public struct ProbeField: Equatable, Sendable {
    /// The field's name.
    public let name: String
    /// The field's value.
    public let value: String

    /// Creates a field.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// How one active check ended.
public struct ProbeResult: Equatable, Sendable {
    /// What the prober met.
    public enum Outcome: Equatable, Sendable {
        /// A TCP check connected.
        case connected
        /// An HTTP check got a response head with this status.
        ///
        /// A gRPC check tells 200 for a server that serves, 503 for one that does not or whose call
        /// failed, 501 for one without the health service, else the status of HTTP.
        case status(UInt16)
        /// The connection was refused, or failed for another reason than time.
        case connectFailed
        /// The connection broke, TLS was not agreed on, or the answer was not what was asked for.
        case broken
        /// The timeout passed.
        case timedOut
        /// This node could not carry the check out: no descriptor, memory, certificate or turn.
        ///
        /// Says nothing about the target.
        case notCarriedOut
    }

    /// The address checked.
    public let id: TargetID
    /// The ``ProbeRequest/sequence`` this answers.
    public let sequence: UInt64
    /// What was met.
    public let outcome: Outcome
    /// From the start of the check to its end.
    public let latency: Duration

    /// Creates a result.
    public init(id: TargetID, sequence: UInt64, outcome: Outcome, latency: Duration) {
        self.id = id
        self.sequence = sequence
        self.outcome = outcome
        self.latency = latency
    }
}
