/// The protocols that Kong's services, routes and plugins name.
public enum GatewayProtocol: String, CaseIterable, Hashable, Sendable {
    /// gRPC in the clear.
    case grpc
    /// gRPC over TLS.
    case grpcs
    /// HTTP in the clear.
    case http
    /// HTTP over TLS.
    case https
    /// Bytes.
    case tcp
    /// Bytes over TLS that the gateway ends.
    case tls
    /// Bytes over TLS that the gateway does not end.
    case tlsPassthrough = "tls_passthrough"
    /// Datagrams.
    case udp
}

/// A header name, lower-cased, with the values that belong to it.
public struct HeaderValues: Equatable, Sendable {
    /// The name in lower case.
    public var name: String
    /// At least one value.
    public var values: [String]

    /// Creates a header.
    public init(name: String, values: [String]) {
        self.name = name
        self.values = values
    }
}
