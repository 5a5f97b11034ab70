public import MeshEntities

/// What Kong checks once a route is found: whether the request speaks one of its protocols.
///
/// The router itself does not look at protocols, so that a request over plain HTTP finds the route
/// that tells it to come over TLS. A route for `http` alone takes HTTPS too, as in Kong.
///
/// Source: Kong 3.x, `kong/runloop/handler.lua`, `access.before`.
public struct RouteProtocolCheck: Equatable, Sendable {
    private let isSecureOnly: Bool
    private let redirect: Int
    private let isGRPC: Bool
    private let isGRPCSecureOnly: Bool
    private let isWebSocket: Bool

    /// Takes what a route says of protocols.
    public init(_ route: Route) {
        let protocols = Set(route.protocols)
        self.isSecureOnly =
            protocols.contains(.https) && !protocols.contains(.http)
            || protocols.contains(.wss) && !protocols.contains(.ws)
        self.redirect = route.httpsRedirectStatusCode
        self.isGRPC = protocols.contains(.grpc) || protocols.contains(.grpcs)
        self.isGRPCSecureOnly = self.isGRPC && !protocols.contains(.grpc)
        self.isWebSocket = protocols.contains(.ws) || protocols.contains(.wss)
    }

    /// What becomes of a request that found the route.
    public func decision(for request: RequestProtocol) -> RouteProtocolDecision {
        if self.isSecureOnly, !request.isSecure {
            return self.redirect == 426 ? .upgradeToTLS : .redirect(status: self.redirect)
        }
        if self.isGRPC {
            guard request.isGRPC else { return .notGRPC }
            guard request.isHTTP2 else { return .upgradeToHTTP2 }
            if self.isGRPCSecureOnly, !request.isSecure { return .grpcNeedsTLS }
        }
        if self.isWebSocket, !request.isWebSocket { return .upgradeToWebSocket }
        return .pass
    }
}

/// How a request came, as far as routes care.
public struct RequestProtocol: Equatable, Sendable {
    /// Whether it came over TLS, or a trusted peer's `X-Forwarded-Proto` says `https`.
    public var isSecure = false
    /// Whether it came over HTTP/2.
    public var isHTTP2 = false
    /// Whether its `Content-Type` begins with `application/grpc`.
    public var isGRPC = false
    /// Whether it asks to be upgraded to WebSocket (RFC 6455 or 8441).
    public var isWebSocket = false

    /// Creates that of a plain HTTP/1 request.
    public init() {}
}

/// What becomes of a request because of its protocol.
public enum RouteProtocolDecision: Equatable, Sendable {
    /// It goes on.
    case pass
    /// 426 with `Connection: Upgrade` and ``upgrade``.
    case upgradeToTLS
    /// 301, 302, 307 or 308 to `https://` with the request's host and its target as sent.
    ///
    /// The host is the forwarded one when a trusted peer says so, without the port.
    case redirect(status: Int)
    /// 426 with `Connection: Upgrade` and ``upgrade``.
    case upgradeToHTTP2
    /// 426 with `Connection: Upgrade` and ``upgrade``.
    case upgradeToWebSocket
    /// 415.
    case notGRPC
    /// 200 without body, `Content-Type: application/grpc`, ``grpcStatus`` and ``message`` as
    /// `grpc-message`.
    case grpcNeedsTLS

    /// The status of the answer; `nil` when the request goes on.
    public var status: Int? {
        switch self {
        case .pass: nil
        case .upgradeToTLS, .upgradeToHTTP2, .upgradeToWebSocket: 426
        case .redirect(let status): status
        case .notGRPC: 415
        case .grpcNeedsTLS: 200
        }
    }

    /// Kong's message; for WebSocket, which Kong's open edition has not, ours.
    public var message: StaticString? {
        switch self {
        case .pass, .redirect: nil
        case .upgradeToTLS: "Please use HTTPS protocol"
        case .upgradeToHTTP2: "Please use HTTP2 protocol"
        case .upgradeToWebSocket: "Please use WebSocket protocol"
        case .notGRPC: "Non-gRPC request matched gRPC route"
        case .grpcNeedsTLS: "gRPC request matched gRPCs route"
        }
    }

    /// The value of `Upgrade`, beside `Connection: Upgrade`; `nil` for none.
    public var upgrade: StaticString? {
        switch self {
        case .upgradeToTLS: "TLS/1.2, HTTP/1.1"
        case .upgradeToHTTP2: "HTTP/2"
        case .upgradeToWebSocket: "websocket"
        case .pass, .redirect, .notGRPC, .grpcNeedsTLS: nil
        }
    }

    /// The value of `grpc-status`; `nil` for none.
    public var grpcStatus: Int? { self == .grpcNeedsTLS ? 1 : nil }
}
