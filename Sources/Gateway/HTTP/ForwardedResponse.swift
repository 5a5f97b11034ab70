extension ForwardedHeaders {
    /// What the gateway knows about a response beside its head; all bytes are borrowed.
    public struct ReturnHop {
        /// Which version the client speaks.
        public var clientVersion: HTTPVersion
        /// Which version `Via` says the response came in; `nil` means the head's.
        public var receivedVersion: HTTPVersion?
        /// Whether the client's connection stays open after this response.
        public var keepsClient: Bool
        /// Time until the upstream's response head came.
        public var upstreamMilliseconds: UInt64
        /// Time the gateway itself took.
        public var proxyMilliseconds: UInt64
        /// Whether the response's trailers go on to the client (``TrailerHop``), and so its
        /// `Trailer`.
        public var passesTrailers = false
        /// The time now as ``HTTPDate`` writes it, for responses without a `Date`; empty adds none.
        public var date = UnsafeRawBufferPointer(start: nil, count: 0)
        /// Which lines about itself the gateway adds.
        public var tokens = ResponseTokens.standard
        /// Whole lines that plugins add.
        public var additionalFields = UnsafeRawBufferPointer(start: nil, count: 0)
        /// 32 hexadecimal digits.
        public var requestID: UnsafeRawBufferPointer
        /// The gateway's name and version in `Via`, as `meshgate/1.0`.
        public var product: UnsafeRawBufferPointer

        /// Creates the hop of one response.
        public init(
            clientVersion: HTTPVersion,
            keepsClient: Bool,
            upstreamMilliseconds: UInt64,
            proxyMilliseconds: UInt64,
            requestID: UnsafeRawBufferPointer,
            product: UnsafeRawBufferPointer
        ) {
            self.clientVersion = clientVersion
            self.keepsClient = keepsClient
            self.upstreamMilliseconds = upstreamMilliseconds
            self.proxyMilliseconds = proxyMilliseconds
            self.requestID = requestID
            self.product = product
        }
    }

    /// Writes `HTTP/1.1 status reason CRLF`.
    ///
    /// The version is always ours (RFC 9110 section 6.2), also towards HTTP/1.0 clients.
    @inline(__always)
    public static func writeStatusLine(
        _ head: ResponseHead,
        from bytes: UnsafeRawBufferPointer,
        into writer: inout HeadWriter
    ) {
        writer.write("HTTP/1.1 ")
        if head.reason.start == ResponseHead.reasonOffset {
            let line = ByteRange(
                start: ResponseHead.statusOffset,
                count: head.fieldsStart - ResponseHead.statusOffset
            )
            return writer.write(line, of: bytes)
        }
        writer.write(decimal: UInt64(head.status))
        writer.write(" \r\n")
    }

    /// Writes a whole interim response (RFC 9110 section 15.2); never sent to HTTP/1.0 clients.
    public static func writeInterim(
        _ head: ResponseHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer,
        into writer: inout HeadWriter
    ) {
        Self.writeStatusLine(head, from: bytes, into: &writer)
        writer.write(
            fields: fields,
            count: head.fieldCount,
            from: bytes,
            kinds: head.kinds,
            dropping: Self.droppedFromResponses
        )
        writer.write("\r\n")
    }

    /// Writes status line, every field of the client's response and the empty line.
    public static func writeResponse(
        _ head: ResponseHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer,
        hop: ReturnHop,
        into output: inout HeadWriter
    ) {
        var writer = output
        defer { output = writer }
        Self.writeStatusLine(head, from: bytes, into: &writer)
        writer.write(
            fields: fields,
            count: head.fieldCount,
            from: bytes,
            kinds: head.kinds,
            dropping: Self.droppedFromResponses
        )
        Self.writeResponseFraming(head, clientVersion: hop.clientVersion, into: &writer)
        Self.writeResponseConnection(head, fields, from: bytes, hop: hop, into: &writer)
        // RFC 9110 section 6.6.1: a proxy with a clock adds the date that the server left out.
        if !hop.date.isEmpty && !head.kinds.has(.date) {
            writer.write("Date: ", hop.date, "\r\n")
        }
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
        writer.detour { Self.writeTokens(head, fields, from: bytes, hop: hop, into: &$0) }
        writer.write(hop.additionalFields)
        writer.write("\r\n")
    }

    /// What the gateway says of itself: `Via`, latencies, the target's status, the request's id.
    @inline(never)
    private static func writeTokens(
        _ head: ResponseHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer,
        hop: ReturnHop,
        into output: inout HeadWriter
    ) {
        var writer = output
        defer { output = writer }
        if hop.tokens.contains(.via) || head.kinds.has(.via) {
            Self.writeVia(head, fields, from: bytes, hop: hop, into: &writer)
        }
        if hop.tokens.contains(.upstreamLatency) {
            writer.write("X-Kong-Upstream-Latency: ", decimal: hop.upstreamMilliseconds, "\r\n")
        }
        if hop.tokens.contains(.proxyLatency) {
            writer.write("X-Kong-Proxy-Latency: ", decimal: hop.proxyMilliseconds, "\r\n")
        }
        if hop.tokens.contains(.upstreamStatus) {
            writer.write("X-Kong-Upstream-Status: ", decimal: UInt64(head.status), "\r\n")
        }
        if hop.tokens.contains(.requestID) {
            writer.write("X-Kong-Request-Id: ", hop.requestID, "\r\n")
        }
    }

    @inline(__always)
    private static func writeVia(
        _ head: ResponseHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer,
        hop: ReturnHop,
        into writer: inout HeadWriter
    ) {
        writer.write("Via: ")
        if head.kinds.has(.via) {
            writer.detour { $0.write(viasOf: fields, count: head.fieldCount, from: bytes) }
            if hop.tokens.contains(.via) { writer.write(", ") }
        }
        if hop.tokens.contains(.via) {
            writer.write(versionOfVia: hop.receivedVersion ?? head.version)
            writer.write(hop.product)
        }
        writer.write("\r\n")
    }

    @inline(__always)
    private static func writeResponseFraming(
        _ head: ResponseHead,
        clientVersion: HTTPVersion,
        into writer: inout HeadWriter
    ) {
        // RFC 9110 section 8.6: neither 1xx nor 204 has a length; HEAD and 304 repeat the one that
        // GET would have, and an empty content says 0.
        guard head.status >= 200, head.status != 204 else { return }
        switch head.framing {
        case .none:
            if let length = head.declaredLength {
                Self.writeFraming(.length(length), into: &writer)
            }
        case .length, .chunked, .untilClose:
            Self.writeFraming(
                Self.framingForClient(head, clientVersion: clientVersion),
                into: &writer
            )
        }
    }

    @inline(__always)
    private static func writeResponseConnection(
        _ head: ResponseHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer,
        hop: ReturnHop,
        into writer: inout HeadWriter
    ) {
        if head.status == 101 {
            writer.write("Connection: Upgrade\r\nUpgrade: websocket\r\n")
            return
        }
        let untilClose =
            Self.framingForClient(head, clientVersion: hop.clientVersion) == .untilClose
        let closes = !hop.keepsClient || untilClose
        if head.status == 426, head.kinds.has(.upgrade), hop.clientVersion == .http11 {
            return writer.detour {
                Self.writeUpgradeOffer(head, fields, from: bytes, closes: closes, into: &$0)
            }
        }
        guard closes else { return writer.write("Connection: keep-alive\r\n") }
        writer.write("Connection: close\r\n")
    }

    /// What a 426 asks the client to speak (RFC 9110 sections 7.8 and 15.5.22).
    @inline(never)
    private static func writeUpgradeOffer(
        _ head: ResponseHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer,
        closes: Bool,
        into writer: inout HeadWriter
    ) {
        writer.write(
            closes ? "Connection: close, Upgrade\r\n" : "Connection: Upgrade\r\n"
        )
        for index in 0..<head.fieldCount where fields[index].kind == .upgrade {
            writer.write("Upgrade: ")
            writer.write(fields[index].value, of: bytes)
            writer.write("\r\n")
        }
    }
}

extension HeadWriter {
    /// The incoming values of `Via`, a comma between them.
    @inline(never)
    fileprivate mutating func write(
        viasOf fields: HeaderFieldBuffer,
        count: Int,
        from bytes: UnsafeRawBufferPointer
    ) {
        var hasBegun = false
        for index in 0..<count where fields[index].kind == .via {
            if hasBegun { self.write(", ") }
            self.write(fields[index].value, of: bytes)
            hasBegun = true
        }
    }
}
