/// Fields of its own that the gateway adds to responses; Kong's `headers`.
public struct ResponseFields: OptionSet, Sendable {
    /// One bit per field.
    public let rawValue: UInt8

    /// Creates a set from its bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `Server`, on responses that the gateway makes itself.
    public static let server = ResponseFields(rawValue: 1)
    /// `Via`, on responses of targets.
    public static let via = ResponseFields(rawValue: 2)
    /// `X-Kong-Proxy-Latency`: milliseconds until the request was sent on.
    public static let proxyLatency = ResponseFields(rawValue: 4)
    /// `X-Kong-Upstream-Latency`: milliseconds until the target's head came.
    public static let upstreamLatency = ResponseFields(rawValue: 8)
    /// `X-Kong-Response-Latency`: milliseconds until the gateway answered by itself.
    public static let responseLatency = ResponseFields(rawValue: 16)
    /// `X-Kong-Upstream-Status`: the target's status.
    public static let upstreamStatus = ResponseFields(rawValue: 32)
    /// `X-Kong-Request-Id`: the id that is in the log.
    public static let requestID = ResponseFields(rawValue: 64)

    /// Kong's `server_tokens`.
    public static let serverTokens: ResponseFields = [.server, .via]
    /// Kong's `latency_tokens`.
    public static let latencyTokens: ResponseFields = [
        .proxyLatency, .upstreamLatency, .responseLatency,
    ]
    /// Kong's default: both groups and the request's id.
    public static let `default`: ResponseFields = [.serverTokens, .latencyTokens, .requestID]

    /// Every name that the setting takes, with what it stands for.
    private static let names: [(name: String, fields: ResponseFields)] = [
        ("server_tokens", .serverTokens), ("latency_tokens", .latencyTokens), ("Server", .server),
        ("Via", .via), ("X-Kong-Proxy-Latency", .proxyLatency),
        ("X-Kong-Upstream-Latency", .upstreamLatency),
        ("X-Kong-Response-Latency", .responseLatency),
        ("X-Kong-Upstream-Status", .upstreamStatus), ("X-Kong-Request-Id", .requestID),
    ]

    /// Reads a list of names, in any case; `nil` when one is unknown.
    ///
    /// `off` alone is none.
    public init?(names: [String]) {
        self = []
        if names.map({ $0.lowercased() }) == ["off"] { return }
        for name in names {
            guard
                let known = Self.names.first(where: {
                    $0.name.lowercased() == name.lowercased()
                })
            else { return nil }
            self.formUnion(known.fields)
        }
    }

    /// The shortest list that reads as this set; `off` for none.
    public var names: [String] {
        var rest = self
        var names: [String] = []
        for (name, fields) in Self.names where rest.isSuperset(of: fields) {
            names.append(name)
            rest.subtract(fields)
        }
        return names.isEmpty ? ["off"] : names
    }
}
