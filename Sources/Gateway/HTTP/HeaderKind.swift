/// What a field name means to a proxy; recognised while the head is parsed.
public enum HeaderKind: UInt8, CaseIterable, Sendable {
    /// Any name without a meaning of its own here: forwarded as it is.
    case other
    /// Nominated by `Connection`, or a spelling with `_` of a name below: never forwarded.
    case dropped
    /// `Host`.
    case host
    /// `Connection`.
    case connection
    /// `Content-Length`.
    case contentLength
    /// `Transfer-Encoding`.
    case transferEncoding
    /// `Expect`.
    case expect
    /// `Upgrade`.
    case upgrade
    /// `TE`.
    case te
    /// `Trailer`.
    case trailer
    /// `Keep-Alive`.
    case keepAlive
    /// `Proxy-Connection`.
    case proxyConnection
    /// `Proxy-Authorization`.
    case proxyAuthorization
    /// `Proxy`, which CGI programs mistake for a setting.
    case proxy
    /// `X-Forwarded-For`.
    case xForwardedFor
    /// `X-Forwarded-Proto`.
    case xForwardedProto
    /// `X-Forwarded-Host`.
    case xForwardedHost
    /// `X-Forwarded-Port`.
    case xForwardedPort
    /// `X-Forwarded-Path`.
    case xForwardedPath
    /// `X-Forwarded-Prefix`.
    case xForwardedPrefix
    /// `X-Real-IP`.
    case xRealIP
    /// `Via`.
    case via
    /// `X-Kong-Request-Id`.
    case xKongRequestID
    /// `X-Kong-Upstream-Latency`, `X-Kong-Proxy-Latency` and `X-Kong-Response-Latency`.
    case xKongLatency
    /// Any other name that starts with `X-Kong-`.
    case xKong
    /// `Accept`.
    case accept
    /// `Content-Type`.
    case contentType
    /// `Cookie`.
    case cookie
    /// `Server`.
    case server
    /// `Date`.
    case date
}

/// Some of the kinds.
public struct HeaderKindSet: OptionSet, Sendable {
    /// One bit per raw value of ``HeaderKind``.
    public let rawValue: UInt64

    /// Creates a set from its bits.
    @inlinable
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The set of one kind.
    @inlinable
    public init(_ kind: HeaderKind) { self.rawValue = 1 << UInt64(kind.rawValue) }

    /// The set of some kinds.
    public init(of kinds: HeaderKind...) {
        var bits: UInt64 = 0
        for kind in kinds { bits |= 1 << UInt64(kind.rawValue) }
        self.rawValue = bits
    }

    /// Whether the kind is in the set.
    @inlinable
    public func has(_ kind: HeaderKind) -> Bool {
        self.rawValue & (1 << UInt64(kind.rawValue)) != 0
    }
}

extension HeaderKind {
    /// Recognises the name in `range`.
    ///
    /// A name that becomes a known one when `_` is read as `-` is ``dropped``: programs behind the
    /// gateway that fold both (CGI, WSGI) must not see a forged `X_Forwarded_For`.
    static func of(_ range: ByteRange, in octets: OctetView) -> HeaderKind {
        let candidate = Self.candidate(range, in: octets)
        if candidate.kind == .other { return .other }
        if octets.tokenMatches(range.start, candidate.name) {
            return candidate.kind == .xKong ? Self.xKongKind(range, in: octets) : candidate.kind
        }
        for offset in 0..<candidate.name.utf8CodeUnitCount {
            let byte = octets[range.start + offset]
            let wanted = candidate.name.utf8Start[offset]
            if OctetView.lowercased(byte) == wanted { continue }
            guard byte == 0x5F, wanted == 0x2D else { return .other }
        }
        return .dropped
    }

    private struct Candidate {
        let kind: HeaderKind
        /// The whole name in lower case, or its beginning for a prefix.
        let name: StaticString

        init(_ kind: HeaderKind, _ name: StaticString) {
            self.kind = kind
            self.name = name
        }

        static var none: Candidate { Candidate(.other, "") }
    }

    /// The only known name that has this length, first letter and distinguishing letter.
    @inline(__always)
    private static func candidate(_ name: ByteRange, in octets: OctetView) -> Candidate {
        guard name.count >= 2 else { return .none }
        switch OctetView.lowercased(octets[name.start]) {
        case UInt8(ascii: "a"): return name.count == 6 ? Candidate(.accept, "accept") : .none
        case UInt8(ascii: "c"): return Self.startingWithC(name.count)
        case UInt8(ascii: "d"): return name.count == 4 ? Candidate(.date, "date") : .none
        case UInt8(ascii: "e"): return name.count == 6 ? Candidate(.expect, "expect") : .none
        case UInt8(ascii: "h"): return name.count == 4 ? Candidate(.host, "host") : .none
        case UInt8(ascii: "k"):
            return name.count == 10 ? Candidate(.keepAlive, "keep-alive") : .none
        case UInt8(ascii: "p"): return Self.startingWithP(name.count)
        case UInt8(ascii: "s"): return name.count == 6 ? Candidate(.server, "server") : .none
        case UInt8(ascii: "t"): return Self.startingWithT(name.count)
        case UInt8(ascii: "u"): return name.count == 7 ? Candidate(.upgrade, "upgrade") : .none
        case UInt8(ascii: "v"): return name.count == 3 ? Candidate(.via, "via") : .none
        case UInt8(ascii: "x"): return Self.startingWithX(name, in: octets)
        default: return .none
        }
    }

    private static func startingWithC(_ count: Int) -> Candidate {
        switch count {
        case 6: Candidate(.cookie, "cookie")
        case 10: Candidate(.connection, "connection")
        case 12: Candidate(.contentType, "content-type")
        case 14: Candidate(.contentLength, "content-length")
        default: .none
        }
    }

    private static func startingWithP(_ count: Int) -> Candidate {
        switch count {
        case 5: Candidate(.proxy, "proxy")
        case 16: Candidate(.proxyConnection, "proxy-connection")
        case 19: Candidate(.proxyAuthorization, "proxy-authorization")
        default: .none
        }
    }

    private static func startingWithT(_ count: Int) -> Candidate {
        switch count {
        case 2: Candidate(.te, "te")
        case 7: Candidate(.trailer, "trailer")
        case 17: Candidate(.transferEncoding, "transfer-encoding")
        default: .none
        }
    }

    private static func startingWithX(_ name: ByteRange, in octets: OctetView) -> Candidate {
        guard name.count >= 8 else { return .none }
        switch OctetView.lowercased(octets[name.start + 2]) {
        case UInt8(ascii: "k"): return Candidate(.xKong, "x-kong-")
        case UInt8(ascii: "r"):
            return name.count == 9 ? Candidate(.xRealIP, "x-real-ip") : .none
        case UInt8(ascii: "f"): break
        default: return .none
        }
        switch (name.count, OctetView.lowercased(octets[name.end - 2])) {
        case (15, _): return Candidate(.xForwardedFor, "x-forwarded-for")
        case (16, UInt8(ascii: "s")): return Candidate(.xForwardedHost, "x-forwarded-host")
        case (16, UInt8(ascii: "r")): return Candidate(.xForwardedPort, "x-forwarded-port")
        case (16, UInt8(ascii: "t")): return Candidate(.xForwardedPath, "x-forwarded-path")
        case (17, _): return Candidate(.xForwardedProto, "x-forwarded-proto")
        case (18, _): return Candidate(.xForwardedPrefix, "x-forwarded-prefix")
        default: return .none
        }
    }

    private static func xKongKind(_ name: ByteRange, in octets: OctetView) -> HeaderKind {
        if octets.equals(name, "x-kong-request-id") { return .xKongRequestID }
        if octets.equals(name, "x-kong-upstream-latency")
            || octets.equals(name, "x-kong-proxy-latency")
            || octets.equals(name, "x-kong-response-latency")
        {
            return .xKongLatency
        }
        return .xKong
    }
}
