/// The fields behind a body: which may pass the gateway, and which never do.
///
/// A program that folds trailers into the head must not be told anything there that the head was
/// checked for: framing, routing, authentication, conditions, what the content is, or what the
/// gateway itself writes.
///
/// Source: RFC 9110 section 6.5.1; the list of RFC 7230 section 4.1.2.
public enum TrailerFields {
    /// Most bytes of a trailer section that ``ChunkedDecoder`` hands out: 16 KiB.
    public static let byteCount = 16_384

    /// Writes those of the collected lines that may pass.
    ///
    /// - Parameters:
    ///   - collected: all ``ChunkedDecoder/Step/trailer(_:)`` pieces of one body in their order.
    ///   - writer: gets whole lines with their CRLF, but no empty line.
    public static func write(
        from collected: UnsafeRawBufferPointer,
        into writer: inout HeadWriter
    ) {
        var position = 0
        while let field = Self.next(in: collected, at: &position) {
            writer.write(field.name, of: collected)
            writer.write(": ")
            writer.write(field.value, of: collected)
            writer.write("\r\n")
        }
    }

    /// The next field at or after `position` that may pass; moves the position behind it.
    ///
    /// A line without colon, CR or LF is passed over.
    public static func next(
        in collected: UnsafeRawBufferPointer,
        at position: inout Int
    ) -> (name: ByteRange, value: ByteRange)? {
        let octets = OctetView(collected)
        while position < octets.count {
            let start = position
            let end = octets.firstIndex(of: Octet.lineFeed, from: start, to: octets.count)
            position = min(end + 1, octets.count)
            guard end < octets.count, end > start, octets[end - 1] == Octet.carriageReturn else {
                continue
            }
            let colon = octets.firstIndex(of: Octet.colon, from: start, to: end - 1)
            let name = ByteRange(start: start, count: colon - start)
            guard colon < end - 1, Self.mayPass(name, in: octets) else { continue }
            return (name, octets.trimmed(colon + 1, end - 1))
        }
        return nil
    }

    /// Writes a `Trailer` line with those names of the incoming ones that may pass, if any.
    static func writeAnnouncement(
        _ fields: HeaderFieldBuffer,
        count: Int,
        from bytes: UnsafeRawBufferPointer,
        into writer: inout HeadWriter
    ) {
        let octets = OctetView(bytes)
        var hasBegun = false
        for index in 0..<count where fields[index].kind == .trailer {
            let value = fields[index].value
            var at = value.start
            while at < value.end {
                let comma = octets.firstIndex(of: Octet.comma, from: at, to: value.end)
                let name = octets.trimmed(at, comma)
                at = comma + 1
                guard Self.mayPass(name, in: octets) else { continue }
                writer.write(hasBegun ? ", " : "Trailer: ")
                writer.write(name, of: bytes)
                hasBegun = true
            }
        }
        if hasBegun { writer.write("\r\n") }
    }

    /// Whether a trailer field of this name may pass the gateway.
    public static func mayPass(_ name: UnsafeRawBufferPointer) -> Bool {
        Self.mayPass(ByteRange(start: 0, count: name.count), in: OctetView(name))
    }

    private static func mayPass(_ name: ByteRange, in octets: OctetView) -> Bool {
        guard !name.isEmpty, octets.endOfToken(from: name.start) >= name.end else { return false }
        // No refused name begins with the letter of `grpc-status` and `grpc-message`.
        if octets[name.start] | 0x20 == UInt8(ascii: "g") { return true }
        if Self.allowedContent.contains(where: { Self.begins(name, $0, octets) == name.count }) {
            return true
        }
        return !Self.refusedNames.contains { Self.begins(name, $0, octets) == name.count }
            && !Self.refusedPrefixes.contains { Self.begins(name, $0, octets) != nil }
    }

    /// The length of `text` if the name begins with it, `_` read as `-`.
    private static func begins(
        _ name: ByteRange,
        _ text: StaticString,
        _ octets: OctetView
    ) -> Int? {
        let count = text.utf8CodeUnitCount
        guard name.count >= count else { return nil }
        for offset in 0..<count {
            let byte = OctetView.lowercased(octets[name.start + offset])
            guard (byte == UInt8(ascii: "_") ? UInt8(ascii: "-") : byte) == text.utf8Start[offset]
            else { return nil }
        }
        return count
    }

    /// Digests are what trailers are for (RFC 9530 section 2).
    private static let allowedContent: [StaticString] = ["content-digest", "content-md5"]

    private static let refusedPrefixes: [StaticString] = [
        "accept-", "access-control-", "content-", "if-", "proxy-", "sec-", "x-anonymous-consumer",
        "x-consumer-", "x-credential-", "x-forwarded-", "x-kong-",
    ]

    private static let refusedNames: [StaticString] = [
        "accept", "age", "alt-svc", "authentication-info", "authorization", "cache-control",
        "clear-site-data", "connection", "cookie", "cookie2", "date", "early-data", "expect",
        "expires", "forwarded", "host", "http2-settings", "keep-alive", "location",
        "max-forwards", "origin", "pragma", "prefer", "priority", "proxy", "range", "referer",
        "refresh", "retry-after", "server", "set-cookie", "set-cookie2", "status",
        "strict-transport-security", "te", "trailer", "transfer-encoding", "true-client-ip",
        "upgrade", "user-agent", "vary", "via", "warning", "www-authenticate", "x-client-ip",
        "x-http-method-override", "x-method-override", "x-original-url", "x-real-ip",
        "x-rewrite-url",
    ]
}

/// What decides whether a hop is given trailers; otherwise they are dropped with their `Trailer`.
public struct TrailerHop: Equatable, Sendable {
    /// Which version the receiver is spoken to in.
    public var version: HTTPVersion
    /// How the content is framed there; HTTP/1 has a place for trailers in chunks only.
    public var framing: MessageFraming
    /// Whether somebody said that trailers are of use there.
    public var isAsked: Bool

    /// The client of a response: asked for by its `TE: trailers` or by gRPC, which lives on them.
    ///
    /// Source: RFC 9110 sections 6.5.1 and 10.1.4.
    public static func client(
        version: HTTPVersion,
        framing: MessageFraming,
        acceptsTrailers: Bool,
        isGRPC: Bool
    ) -> TrailerHop {
        TrailerHop(version: version, framing: framing, isAsked: acceptsTrailers || isGRPC)
    }

    /// The target of a request: asked for when the client announced them or itself speaks of
    /// trailers, since a target has no field to accept any with.
    public static func target(
        version: HTTPVersion,
        framing: MessageFraming,
        request: RequestHead,
        isGRPC: Bool
    ) -> TrailerHop {
        let isAsked = isGRPC || request.acceptsTrailers || request.kinds.has(.trailer)
        return TrailerHop(version: version, framing: framing, isAsked: isAsked)
    }

    /// Whether the hop is given trailers.
    public var takesTrailers: Bool {
        switch self.version {
        case .http10: false
        case .http11: self.isAsked && self.framing == .chunked
        case .http2: self.isAsked
        }
    }
}
