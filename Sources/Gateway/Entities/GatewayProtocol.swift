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
    /// WebSocket in the clear: HTTP that upgrades.
    case ws
    /// WebSocket over TLS.
    case wss
}

extension GatewayProtocol {
    /// How a plugin sees it: WebSocket begins as HTTP.
    var pluginProtocol: GatewayProtocol {
        switch self {
        case .ws: .http
        case .wss: .https
        case .grpc, .grpcs, .http, .https, .tcp, .tls, .tlsPassthrough, .udp: self
        }
    }

    /// Whether plugins name it.
    public var isPlugins: Bool { self == self.pluginProtocol }

    /// Whether it carries bytes or datagrams that are not looked into, instead of HTTP requests.
    public var isStream: Bool {
        switch self {
        case .tcp, .tls, .tlsPassthrough, .udp: true
        case .grpc, .grpcs, .http, .https, .ws, .wss: false
        }
    }
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
