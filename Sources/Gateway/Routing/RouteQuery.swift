public import MeshPrimitives

/// What one request shows to the router, as bytes that stay valid during the call.
///
/// Trivial: making and passing one costs no allocation and no reference count.
public struct RouteQuery {
    /// The method, as sent.
    public var method: UnsafeRawBufferPointer
    /// The host in lower case without port; empty when the request has none.
    public var host: UnsafeRawBufferPointer
    /// The path as ``RequestPath/normalize(_:into:)`` wrote it.
    public var path: UnsafeRawBufferPointer
    /// The port of the `Host` field, otherwise the listener's.
    public var port: UInt16
    /// Whether the request came over TLS; only then do server names of routes count.
    public var isTLS: Bool
    /// The server name of the TLS handshake in lower case; empty when there is none.
    public var serverName: UnsafeRawBufferPointer
    /// The query without `?`, as sent; only for tables that ask for it.
    public var query = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The client; only for tables that ask for it.
    public var source: Endpoint?
    /// The local address that the request came to; only for tables that ask for it.
    public var destination: Endpoint?
    /// What carries the request, when it is not HTTP.
    var transport: StreamTransport?

    /// Creates a query over TLS.
    public init(
        method: UnsafeRawBufferPointer,
        host: UnsafeRawBufferPointer,
        path: UnsafeRawBufferPointer,
        port: UInt16,
        serverName: UnsafeRawBufferPointer
    ) {
        self.method = method
        self.host = host
        self.path = path
        self.port = port
        self.isTLS = true
        self.serverName = serverName
    }

    /// Creates a query over plain HTTP.
    public init(
        method: UnsafeRawBufferPointer,
        host: UnsafeRawBufferPointer,
        path: UnsafeRawBufferPointer,
        port: UInt16
    ) {
        self.method = method
        self.host = host
        self.path = path
        self.port = port
        self.isTLS = false
        self.serverName = UnsafeRawBufferPointer(start: nil, count: 0)
    }
}

extension RouteQuery {
    /// Kong's `net.protocol` of a request or a connection.
    enum Scheme {
        case http
        case https
        case tcp
        case tls
        case udp

        /// The name.
        var bytes: UnsafeRawBufferPointer {
            let name: StaticString =
                switch self {
                case .http: "http"
                case .https: "https"
                case .tcp: "tcp"
                case .tls: "tls"
                case .udp: "udp"
                }
            return UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        }
    }

    var scheme: Scheme {
        switch self.transport {
        case .tcp: .tcp
        case .tls: .tls
        case .udp: .udp
        case nil: self.isTLS ? .https : .http
        }
    }
}

/// What a table asks of queries beyond what every query shows.
public struct QueryNeeds: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt8

    /// Takes the bits as they are.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// ``RouteQuery/query``.
    public static let query = QueryNeeds(rawValue: 1)
    /// ``RouteQuery/source``.
    public static let source = QueryNeeds(rawValue: 2)
    /// ``RouteQuery/destination``.
    public static let destination = QueryNeeds(rawValue: 4)
}

/// The route that a request belongs to.
public struct RouteMatch: Equatable, Sendable {
    /// Place of the route in the array that the table was compiled from.
    public let routeIndex: Int
    /// Bytes of the path that the route's prefix or regex matched; 0 when it has no paths.
    public let prefixLength: Int

    /// Creates a match.
    public init(routeIndex: Int, prefixLength: Int) {
        self.routeIndex = routeIndex
        self.prefixLength = prefixLength
    }
}
