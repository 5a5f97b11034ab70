internal import CMeshSystem

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
    /// `X-Kong-Upstream-Latency`, `X-Kong-Proxy-Latency`, `X-Kong-Response-Latency` and
    /// `X-Kong-Upstream-Status`, which only the gateway says.
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
    public init(_ kind: HeaderKind) { self.rawValue = 1 &<< UInt64(kind.rawValue) }

    /// The set of some kinds.
    public init(of kinds: HeaderKind...) {
        var bits: UInt64 = 0
        for kind in kinds { bits |= 1 << UInt64(kind.rawValue) }
        self.rawValue = bits
    }

    /// Whether the kind is in the set.
    @inlinable
    public func has(_ kind: HeaderKind) -> Bool {
        self.rawValue & (1 &<< UInt64(kind.rawValue)) != 0
    }
}

extension HeaderKind {
    /// Recognises the name in `range`.
    ///
    /// A name that becomes a known one when `_` is read as `-` is ``dropped``: programs behind the
    /// gateway that fold both (CGI, WSGI) must not see a forged `X_Forwarded_For`.
    ///
    /// Most names of other meaning are told by first letter and length; `name` must not be empty.
    @inline(__always)
    static func of(_ name: ByteRange, in octets: OctetView) -> HeaderKind {
        guard mesh_may_be_known(octets[name.start], name.count) != 0 else { return .other }
        return Self.recognized(name, octets)
    }

    /// Compares the name with the only known one of its first letter and length, which some known
    /// name has.
    @inline(never)
    static func recognized(_ name: ByteRange, _ octets: OctetView) -> HeaderKind {
        switch octets[name.start] | 0x20 {
        case UInt8(ascii: "x"): return Self.startingWithX(name, octets)
        case UInt8(ascii: "c"): return Self.startingWithC(name, octets)
        case UInt8(ascii: "p"): return Self.startingWithP(name, octets)
        case UInt8(ascii: "t"): return Self.startingWithT(name, octets)
        case UInt8(ascii: "a"): return Self.known(.accept, "accept", name, octets)
        case UInt8(ascii: "d"): return Self.known(.date, "date", name, octets)
        case UInt8(ascii: "e"): return Self.known(.expect, "expect", name, octets)
        case UInt8(ascii: "h"): return Self.known(.host, "host", name, octets)
        case UInt8(ascii: "k"): return Self.known(.keepAlive, "keep-alive", name, octets)
        case UInt8(ascii: "s"): return Self.known(.server, "server", name, octets)
        case UInt8(ascii: "u"): return Self.known(.upgrade, "upgrade", name, octets)
        case UInt8(ascii: "v"): return Self.known(.via, "via", name, octets)
        default: return .other
        }
    }

    /// `kind` if the name is `text`, which is in lower case; inlined to a few comparisons.
    @inline(__always)
    private static func known(
        _ kind: HeaderKind,
        _ text: StaticString,
        _ name: ByteRange,
        _ octets: OctetView
    ) -> HeaderKind {
        guard name.count == text.utf8CodeUnitCount else { return .other }
        if octets.tokenMatches(name.start, text) { return kind }
        return Self.isDisguised(name, as: text, octets) ? .dropped : .other
    }

    /// Whether the name begins with `text` when `_` is read as `-`.
    @inline(never)
    private static func isDisguised(
        _ name: ByteRange,
        as text: StaticString,
        _ octets: OctetView
    ) -> Bool {
        for offset in 0..<text.utf8CodeUnitCount {
            let byte = octets[name.start + offset]
            let wanted = text.utf8Start[offset]
            if OctetView.lowercased(byte) == wanted { continue }
            guard byte == 0x5F, wanted == 0x2D else { return false }
        }
        return true
    }

    @inline(__always)
    private static func startingWithC(_ name: ByteRange, _ octets: OctetView) -> HeaderKind {
        switch name.count {
        case 6: Self.known(.cookie, "cookie", name, octets)
        case 10: Self.known(.connection, "connection", name, octets)
        case 12: Self.known(.contentType, "content-type", name, octets)
        case 14: Self.known(.contentLength, "content-length", name, octets)
        default: .other
        }
    }

    private static func startingWithP(_ name: ByteRange, _ octets: OctetView) -> HeaderKind {
        switch name.count {
        case 5: Self.known(.proxy, "proxy", name, octets)
        case 16: Self.known(.proxyConnection, "proxy-connection", name, octets)
        case 19: Self.known(.proxyAuthorization, "proxy-authorization", name, octets)
        default: .other
        }
    }

    private static func startingWithT(_ name: ByteRange, _ octets: OctetView) -> HeaderKind {
        switch name.count {
        case 2: Self.known(.te, "te", name, octets)
        case 7: Self.known(.trailer, "trailer", name, octets)
        case 17: Self.known(.transferEncoding, "transfer-encoding", name, octets)
        default: .other
        }
    }

    private static func startingWithX(_ name: ByteRange, _ octets: OctetView) -> HeaderKind {
        switch octets[name.start + 2] | 0x20 {
        case UInt8(ascii: "k"): return Self.startingWithXKong(name, octets)
        case UInt8(ascii: "r"): return Self.known(.xRealIP, "x-real-ip", name, octets)
        case UInt8(ascii: "f"): break
        default: return .other
        }
        switch (name.count, octets[name.end - 2] | 0x20) {
        case (15, _): return Self.known(.xForwardedFor, "x-forwarded-for", name, octets)
        case (16, UInt8(ascii: "s")):
            return Self.known(.xForwardedHost, "x-forwarded-host", name, octets)
        case (16, UInt8(ascii: "r")):
            return Self.known(.xForwardedPort, "x-forwarded-port", name, octets)
        case (16, UInt8(ascii: "t")):
            return Self.known(.xForwardedPath, "x-forwarded-path", name, octets)
        case (17, _): return Self.known(.xForwardedProto, "x-forwarded-proto", name, octets)
        case (18, _): return Self.known(.xForwardedPrefix, "x-forwarded-prefix", name, octets)
        default: return .other
        }
    }

    private static func startingWithXKong(_ name: ByteRange, _ octets: OctetView) -> HeaderKind {
        let text: StaticString = "x-kong-"
        if octets.tokenMatches(name.start, text) { return Self.xKongKind(name, in: octets) }
        return Self.isDisguised(name, as: text, octets) ? .dropped : .other
    }

    private static func xKongKind(_ name: ByteRange, in octets: OctetView) -> HeaderKind {
        if octets.equals(name, "x-kong-request-id") { return .xKongRequestID }
        if octets.equals(name, "x-kong-upstream-latency")
            || octets.equals(name, "x-kong-proxy-latency")
            || octets.equals(name, "x-kong-response-latency")
            || octets.equals(name, "x-kong-upstream-status")
        {
            return .xKongLatency
        }
        return .xKong
    }
}
