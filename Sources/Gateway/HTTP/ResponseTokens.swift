/// Which lines about itself the gateway adds to responses.
///
/// Source: Kong 3.x, setting `headers`.
public struct ResponseTokens: OptionSet, Sendable {
    /// One bit per line.
    public let rawValue: UInt8

    /// Creates a set from its bits.
    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `Server` of responses that the gateway makes itself.
    public static let server = ResponseTokens(rawValue: 1)
    /// `Via` of forwarded responses; without it an incoming one is passed on as it is.
    public static let via = ResponseTokens(rawValue: 2)
    /// `X-Kong-Proxy-Latency`.
    public static let proxyLatency = ResponseTokens(rawValue: 4)
    /// `X-Kong-Upstream-Latency`.
    public static let upstreamLatency = ResponseTokens(rawValue: 8)
    /// `X-Kong-Response-Latency`.
    public static let responseLatency = ResponseTokens(rawValue: 16)
    /// `X-Kong-Upstream-Status`; not among the defaults.
    public static let upstreamStatus = ResponseTokens(rawValue: 32)
    /// `X-Kong-Request-Id`.
    public static let requestID = ResponseTokens(rawValue: 64)

    /// Kong's default: `server_tokens, latency_tokens, X-Kong-Request-Id`.
    public static let standard: ResponseTokens = [
        .server, .via, .proxyLatency, .upstreamLatency, .responseLatency, .requestID,
    ]

    /// Reads the entries of Kong's setting; case does not matter.
    ///
    /// - Parameter names: `server_tokens`, `latency_tokens`, single names of lines, or `off` alone.
    /// - Throws: the first entry that is none of these.
    public init(names: [String]) throws(UnknownResponseToken) {
        self = []
        for name in names {
            let lowercased = name.lowercased()
            if lowercased == "off", names.count == 1 { continue }
            guard let tokens = Self.named[lowercased] else {
                throw UnknownResponseToken(name: name)
            }
            self.formUnion(tokens)
        }
    }

    /// The shortest list that reads as this set; `off` for none.
    public var names: [String] {
        var rest = self
        var names: [String] = []
        for (name, tokens) in Self.spelled where rest.isSuperset(of: tokens) {
            names.append(name)
            rest.subtract(tokens)
        }
        return names.isEmpty ? ["off"] : names
    }

    private static let spelled: [(name: String, tokens: ResponseTokens)] = [
        ("server_tokens", [.server, .via]),
        ("latency_tokens", [.proxyLatency, .upstreamLatency, .responseLatency]),
        ("Server", .server), ("Via", .via), ("X-Kong-Proxy-Latency", .proxyLatency),
        ("X-Kong-Upstream-Latency", .upstreamLatency),
        ("X-Kong-Response-Latency", .responseLatency),
        ("X-Kong-Upstream-Status", .upstreamStatus), ("X-Kong-Request-Id", .requestID),
    ]

    private static let named: [String: ResponseTokens] = [
        "server_tokens": [.server, .via],
        "latency_tokens": [.proxyLatency, .upstreamLatency, .responseLatency],
        "server": .server,
        "via": .via,
        "x-kong-proxy-latency": .proxyLatency,
        "x-kong-upstream-latency": .upstreamLatency,
        "x-kong-response-latency": .responseLatency,
        // The Admin API's own; it says nothing about proxied requests.
        "x-kong-admin-latency": [],
        "x-kong-upstream-status": .upstreamStatus,
        "x-kong-request-id": .requestID,
    ]
}

/// An entry of the setting that names no line, or `off` beside others.
public struct UnknownResponseToken: Error, Equatable, Sendable {
    /// The entry as it was written.
    public let name: String
}
