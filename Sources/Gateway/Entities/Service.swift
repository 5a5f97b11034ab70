/// Where requests go: an address or an upstream's name, with time limits.
public struct Service: Equatable, Sendable {
    /// Primary key.
    public var id: EntityID
    /// Unique name.
    public var name: String?
    /// Tries after the first one; 0 to 32,767.
    public var retries = 5
    /// Protocol spoken to the target.
    public var `protocol` = GatewayProtocol.http
    /// Upstream name, host name or address, without port.
    public var host: String
    /// Port when `host` names no upstream; 0 to 65,535.
    public var port = 80
    /// Prefix of every path sent.
    public var path: String?
    /// Milliseconds to connect, 1 to 2,147,483,646.
    public var connectTimeout = 60_000
    /// Milliseconds between two writes, 1 to 2,147,483,646.
    public var writeTimeout = 60_000
    /// Milliseconds between two reads, 1 to 2,147,483,646.
    public var readTimeout = 60_000
    /// Labels.
    public var tags: [String] = []
    /// Certificate shown to the target.
    public var clientCertificate: EntityID?
    /// Whether the target's certificate is checked; `nil` leaves it to the node.
    public var tlsVerify: Bool?
    /// Longest chain of certificates, 0 to 64.
    public var tlsVerifyDepth: Int?
    /// Authorities the target's certificate is checked against.
    public var caCertificates: [EntityID] = []
    /// When a request goes to another target; a key that Kong does not have.
    public var retry = RetryRules()
    /// A service that is off takes its routes out of the router.
    public var enabled = true
    /// Unix seconds of creation.
    public var createdAt: Int?
    /// Unix seconds of the last change.
    public var updatedAt: Int?

    /// Creates a service with Kong's defaults.
    public init(id: EntityID, name: String? = nil, host: String, port: Int = 80) {
        self.id = id
        self.name = name
        self.host = host
        self.port = port
    }
}
