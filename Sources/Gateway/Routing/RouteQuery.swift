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
