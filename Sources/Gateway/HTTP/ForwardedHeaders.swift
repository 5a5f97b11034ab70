/// Which fields pass through the gateway, and which it writes itself.
///
/// Source: Kong's proxy behaviour; RFC 9110 sections 7.6.1 (hop by hop) and 7.6.3 (`Via`).
public enum ForwardedHeaders {
    /// Never copied from a request: hop by hop, framing, and what the gateway writes anew.
    public static let droppedFromRequests = HeaderKindSet(
        of: .dropped,
        .host,
        .connection,
        .contentLength,
        .transferEncoding,
        .expect,
        .upgrade,
        .te,
        .trailer,
        .keepAlive,
        .proxyConnection,
        .proxyAuthorization,
        .proxy,
        .xForwardedFor,
        .xForwardedProto,
        .xForwardedHost,
        .xForwardedPort,
        .xForwardedPath,
        .xForwardedPrefix,
        .xRealIP,
        .via,
        .xKongRequestID,
        .xKongLatency,
        .xKong
    )

    /// Never copied from a response.
    public static let droppedFromResponses = HeaderKindSet(
        of: .dropped,
        .connection,
        .contentLength,
        .transferEncoding,
        .upgrade,
        .te,
        .trailer,
        .keepAlive,
        .proxyConnection,
        .via,
        .xKongRequestID,
        .xKongLatency
    )

    /// How the response's content is framed towards the client.
    ///
    /// HTTP/1.0 clients know no chunks: they get the content until the connection closes.
    @inline(__always)
    public static func framingForClient(
        _ response: ResponseHead,
        clientVersion: HTTPVersion
    ) -> MessageFraming {
        switch (response.framing, clientVersion) {
        case (.chunked, .http10): .untilClose
        case (.untilClose, .http11): .chunked
        case (let framing, _): framing
        }
    }

    /// What the gateway knows about a request beside its head; all bytes are borrowed.
    public struct Hop {
        /// The address the connection comes from, as text.
        public var peer: UnsafeRawBufferPointer
        /// Who the client behind trusted proxies is, as text, where that was found out
        /// (``RealAddress``); empty means the peer.
        public var client = UnsafeRawBufferPointer(start: nil, count: 0)
        /// Which version `Via` says the request came in; `nil` means the head's.
        public var receivedVersion: HTTPVersion?
        /// Whether that peer's own `X-Forwarded-…` are believed.
        public var peerIsTrusted = false
        /// Whether the client's connection is TLS.
        public var isTLS = false
        /// The port the client connected to, which `X-Forwarded-Port` says.
        ///
        /// Kong says this one even where `Host` names another (behind a port mapping).
        public var port: UInt16
        /// The value of `Host` for the upstream.
        public var upstreamHost: UnsafeRawBufferPointer
        /// The part of the decoded path that was stripped; empty or `/` writes no `X-Forwarded-Prefix`.
        public var strippedPrefix = UnsafeRawBufferPointer(start: nil, count: 0)
        /// Whether the request's trailers go on to the target (``TrailerHop``), and so its `Trailer`.
        public var passesTrailers = false
        /// Whole lines that plugins add.
        public var additionalFields = UnsafeRawBufferPointer(start: nil, count: 0)
        /// 32 hexadecimal digits.
        public var requestID: UnsafeRawBufferPointer
        /// The gateway's name and version in `Via`, as `meshgate/1.0`.
        public var product: UnsafeRawBufferPointer

        /// Creates a hop from an untrusted peer in plain HTTP.
        public init(
            peer: UnsafeRawBufferPointer,
            port: UInt16,
            upstreamHost: UnsafeRawBufferPointer,
            requestID: UnsafeRawBufferPointer,
            product: UnsafeRawBufferPointer
        ) {
            self.peer = peer
            self.port = port
            self.upstreamHost = upstreamHost
            self.requestID = requestID
            self.product = product
        }
    }

    /// Writes method and path of a request line, neither of which needs an escape.
    public static func writeTarget(
        method: UnsafeRawBufferPointer,
        path: UnsafeRawBufferPointer,
        into output: inout HeadWriter
    ) {
        var writer = output
        defer { output = writer }
        writer.write("", method, " ")
        writer.write(path)
    }

    /// Writes every field of the upstream request and the empty line behind them.
    ///
    /// The caller has written the request line before.
    public static func writeRequestFields(
        _ head: RequestHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer,
        hop: Hop,
        into output: inout HeadWriter
    ) {
        var writer = output
        defer { output = writer }
        writer.write("Host: ", hop.upstreamHost, "\r\n")
        writer.write(
            fields: fields,
            count: head.fieldCount,
            from: bytes,
            kinds: head.kinds,
            dropping: Self.droppedFromRequests
        )
        Self.writeConnection(head, into: &writer)
        Self.writeRequestFraming(head, into: &writer)
        if hop.passesTrailers && head.kinds.has(.trailer) {
            writer.detour {
                TrailerFields.writeAnnouncement(
                    fields,
                    count: head.fieldCount,
                    from: bytes,
                    into: &$0
                )
            }
        }
        Self.writeOrigin(head, fields, from: bytes, hop: hop, into: &writer)
        writer.detour { Self.writePath(head, fields, from: bytes, hop: hop, into: &$0) }
        writer.write("Via: ")
        Self.writeList(.via, head, fields, from: bytes, into: &writer)
        writer.write(versionOfVia: hop.receivedVersion ?? head.version)
        writer.write("", hop.product, "\r\n")
        writer.write("X-Kong-Request-Id: ", hop.requestID, "\r\n")
        writer.write(hop.additionalFields)
        writer.write("\r\n")
    }

    /// `Connection`, `Upgrade` and `TE`.
    @inline(__always)
    private static func writeConnection(
        _ head: RequestHead,
        into writer: inout HeadWriter
    ) {
        if head.upgrade {
            writer.write("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n")
        } else if head.acceptsTrailers {
            // RFC 9110 section 10.1.4: whoever sends TE also nominates it.
            writer.write("Connection: keep-alive, TE\r\nTE: trailers\r\n")
        } else {
            writer.write("Connection: keep-alive\r\n")
        }
    }

    /// The framing as it was sent: an empty content keeps the length that declared it.
    ///
    /// A POST without any framing is passed on as it is, as nginx does (RFC 9110 section 8.6 only
    /// says SHOULD, and to the user agent).
    @inline(__always)
    private static func writeRequestFraming(_ head: RequestHead, into writer: inout HeadWriter) {
        if head.framing == .none, let length = head.declaredLength {
            Self.writeFraming(.length(length), into: &writer)
        } else {
            Self.writeFraming(head.framing, into: &writer)
        }
    }

    /// `Content-Length` or `Transfer-Encoding`, never both.
    ///
    /// `none` and `untilClose` write neither.
    @inline(__always)
    public static func writeFraming(_ framing: MessageFraming, into writer: inout HeadWriter) {
        switch framing {
        case .none, .untilClose: break
        case .length(let count):
            writer.write("Content-Length: ", decimal: count, "\r\n")
        case .chunked: writer.write("Transfer-Encoding: chunked\r\n")
        }
    }

    /// Who sent the request: `X-Forwarded-For` grows by the peer or starts with the client, and
    /// `X-Real-IP` is the client, both as Kong writes them.
    @inline(__always)
    private static func writeOrigin(
        _ head: RequestHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer,
        hop: Hop,
        into writer: inout HeadWriter
    ) {
        let client = hop.client.isEmpty ? hop.peer : hop.client
        if head.kinds.has(.xForwardedFor) {
            writer.write("X-Forwarded-For: ")
            Self.writeList(.xForwardedFor, head, fields, from: bytes, into: &writer)
            writer.write("", hop.peer, "\r\n")
        } else {
            writer.write("X-Forwarded-For: ", client, "\r\n")
        }
        // Not what a trusted peer said in this field, unless it is how the client was found.
        writer.write("X-Real-IP: ", client, "\r\n")
    }

    /// Where it was sent to: `X-Forwarded-Proto`, `-Host`, `-Port`, `-Path`, `-Prefix`.
    @inline(never)
    private static func writePath(
        _ head: RequestHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer,
        hop: Hop,
        into output: inout HeadWriter
    ) {
        var writer = output
        defer { output = writer }
        if let value = Self.trusted(.xForwardedProto, head, fields, from: bytes, hop: hop) {
            writer.write("X-Forwarded-Proto: ", value, "\r\nX-Forwarded-Host: ")
        } else if hop.isTLS {
            writer.write("X-Forwarded-Proto: https\r\nX-Forwarded-Host: ")
        } else {
            writer.write("X-Forwarded-Proto: http\r\nX-Forwarded-Host: ")
        }
        if let value = Self.trusted(.xForwardedHost, head, fields, from: bytes, hop: hop) {
            writer.write(value)
        } else {
            writer.write(lowercased: head.host.bytes(of: bytes))
        }
        if let value = Self.trusted(.xForwardedPort, head, fields, from: bytes, hop: hop) {
            writer.write("\r\nX-Forwarded-Port: ", value, "\r\nX-Forwarded-Path: ")
        } else {
            writer.write(
                "\r\nX-Forwarded-Port: ",
                decimal: UInt64(hop.port),
                "\r\nX-Forwarded-Path: "
            )
        }
        if let value = Self.trusted(.xForwardedPath, head, fields, from: bytes, hop: hop) {
            writer.write("", value, "\r\n")
        } else if head.path.isEmpty {
            writer.write("/\r\n")
        } else {
            writer.write(escapingNonASCII: head.path.bytes(of: bytes))
            writer.write("\r\n")
        }
        Self.writePrefix(head, fields, from: bytes, hop: hop, into: &writer)
    }

    @inline(__always)
    private static func writePrefix(
        _ head: RequestHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer,
        hop: Hop,
        into writer: inout HeadWriter
    ) {
        if let value = Self.trusted(.xForwardedPrefix, head, fields, from: bytes, hop: hop) {
            writer.write("X-Forwarded-Prefix: ")
            writer.write(value)
            writer.write("\r\n")
        } else if hop.strippedPrefix.count > 1 {
            writer.write("X-Forwarded-Prefix: ")
            // Decoded, it may hold anything, line ends included.
            writer.write(escapingPath: hop.strippedPrefix)
            writer.write("\r\n")
        }
    }

    /// The incoming value of a field that only a trusted peer may set.
    @inline(__always)
    private static func trusted(
        _ kind: HeaderKind,
        _ head: RequestHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer,
        hop: Hop
    ) -> UnsafeRawBufferPointer? {
        guard hop.peerIsTrusted, head.kinds.has(kind) else { return nil }
        return fields.firstValue(of: kind, count: head.fieldCount, of: bytes)
    }

    /// Writes every incoming value of a list field, each with a comma behind it.
    @inline(__always)
    private static func writeList(
        _ kind: HeaderKind,
        _ head: RequestHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer,
        into writer: inout HeadWriter
    ) {
        guard head.kinds.has(kind) else { return }
        writer.detour { $0.write(listOf: kind, fields, count: head.fieldCount, from: bytes) }
    }
}

extension HeadWriter {
    @inline(never)
    fileprivate mutating func write(
        listOf kind: HeaderKind,
        _ fields: HeaderFieldBuffer,
        count: Int,
        from bytes: UnsafeRawBufferPointer
    ) {
        for index in 0..<count where fields[index].kind == kind {
            guard !fields[index].value.isEmpty else { continue }
            self.write(fields[index].value, of: bytes)
            self.write(", ")
        }
    }
}
