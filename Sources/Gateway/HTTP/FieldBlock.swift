/// The field lines of one head, and what they say about framing and connection.
///
/// Requests and responses share it; each decides afterwards what a finding means for it.
struct FieldBlock {
    enum Outcome {
        case incomplete
        case complete
        case invalid(HTTPFault)
    }

    /// Most tokens that `Connection` may list; real heads have one or two.
    private static let connectionTokenLimit = 32
    /// Longest field line; HAProxy's limit, too.
    private static let lineByteCount = 16_384

    private(set) var count = 0
    private(set) var end = 0
    private(set) var kinds: HeaderKindSet = []
    private(set) var length: UInt64?
    private(set) var isChunked = false
    private(set) var host: ByteRange = .empty
    private(set) var closes = false
    private(set) var staysOpen = false
    private(set) var nominatesUpgrade = false

    /// Reads field lines from `start` up to and with the empty line.
    @inline(__always)
    mutating func read(
        _ octets: OctetView,
        from start: Int,
        into fields: HeaderFieldBuffer,
        limit: Int
    ) -> Outcome {
        var at = start
        while at < octets.count {
            let first = octets[at]
            if first == Octet.carriageReturn {
                guard at + 1 < octets.count else { return .incomplete }
                guard octets[at + 1] == Octet.lineFeed else { return .invalid(.bareLineEnd) }
                self.end = at + 2
                return self.settle(octets, fields)
            }
            switch self.readLine(octets, from: at, into: fields, limit: limit) {
            case .incomplete:
                return octets.count - at > Self.lineByteCount
                    ? .invalid(.headTooLarge) : .incomplete
            case .invalid(let fault): return .invalid(fault)
            case .complete: at = fields[self.count - 1].lineEnd
            }
        }
        return .incomplete
    }

    /// Reads one line: `name ":" OWS value OWS CRLF` (RFC 9112 section 5).
    @inline(__always)
    private mutating func readLine(
        _ octets: OctetView,
        from start: Int,
        into fields: HeaderFieldBuffer,
        limit: Int
    ) -> Outcome {
        let colon = octets.endOfToken(from: start)
        guard colon < octets.count else { return .incomplete }
        guard octets[colon] == Octet.colon, colon > start else {
            return .invalid(Self.nameFault(octets[start], first: colon == start))
        }
        let valueEnd = octets.endOfFieldValue(from: colon + 1)
        guard valueEnd < octets.count else { return .incomplete }
        guard octets[valueEnd] == Octet.carriageReturn else {
            let isLineFeed = octets[valueEnd] == Octet.lineFeed
            return .invalid(isLineFeed ? .bareLineEnd : .malformedFieldValue)
        }
        guard valueEnd + 1 < octets.count else { return .incomplete }
        guard octets[valueEnd + 1] == Octet.lineFeed else { return .invalid(.bareLineEnd) }
        guard valueEnd + 2 - start <= Self.lineByteCount else { return .invalid(.headTooLarge) }
        guard self.count < min(limit, fields.capacity) else { return .invalid(.tooManyFields) }
        let name = ByteRange(start: start, count: colon - start)
        let field = HeaderField(
            name: name,
            value: octets.trimmed(colon + 1, valueEnd),
            lineEnd: valueEnd + 2,
            kind: HeaderKind.of(name, in: octets)
        )
        fields[self.count] = field
        self.count += 1
        guard field.kind != .other else { return .complete }
        return self.note(field, octets)
    }

    private static func nameFault(_ byte: UInt8, first: Bool) -> HTTPFault {
        guard first else { return .malformedFieldName }
        if byte == Octet.space || byte == Octet.tab { return .foldedLine }
        return byte == Octet.lineFeed ? .bareLineEnd : .malformedFieldName
    }

    /// Takes in what a field of a known kind says about framing.
    private mutating func note(_ field: HeaderField, _ octets: OctetView) -> Outcome {
        switch field.kind {
        case .contentLength:
            guard !self.kinds.has(.contentLength) else { return .invalid(.repeatedLength) }
            guard let value = octets.decimal(field.value), value <= UInt64(Int64.max) else {
                return .invalid(.malformedLength)
            }
            self.length = value
        case .transferEncoding:
            guard !self.kinds.has(.transferEncoding), octets.equals(field.value, "chunked") else {
                return .invalid(.unknownCoding)
            }
            self.isChunked = true
        case .host:
            guard !self.kinds.has(.host) else { return .invalid(.repeatedHost) }
            self.host = field.value
        default: break
        }
        self.kinds.formUnion(HeaderKindSet(field.kind))
        return .complete
    }

    /// Checks what can be known only when all lines are there.
    private mutating func settle(_ octets: OctetView, _ fields: HeaderFieldBuffer) -> Outcome {
        if self.isChunked && self.length != nil { return .invalid(.lengthAndCoding) }
        guard self.kinds.has(.connection) else { return .complete }
        var tokens = 0
        for index in 0..<self.count where fields[index].kind == .connection {
            let value = fields[index].value
            var at = value.start
            while at < value.end {
                var comma = at
                while comma < value.end, octets[comma] != Octet.comma { comma += 1 }
                let token = octets.trimmed(at, comma)
                at = comma + 1
                if token.isEmpty { continue }
                tokens += 1
                guard tokens <= Self.connectionTokenLimit,
                    octets.endOfToken(from: token.start) >= token.end
                else { return .invalid(.malformedFieldValue) }
                if let fault = self.nominate(token, octets, fields) { return .invalid(fault) }
            }
        }
        return .complete
    }

    /// Obeys one token of `Connection` (RFC 9110 section 7.6.1).
    private mutating func nominate(
        _ token: ByteRange,
        _ octets: OctetView,
        _ fields: HeaderFieldBuffer
    ) -> HTTPFault? {
        if octets.equals(token, "keep-alive") {
            self.staysOpen = true
            return nil
        }
        if octets.equals(token, "close") {
            self.closes = true
            return nil
        }
        let kind = HeaderKind.of(token, in: octets)
        switch kind {
        case .host, .contentLength, .transferEncoding: return .protectedFieldNominated
        case .upgrade: self.nominatesUpgrade = true
        case .other, .accept, .contentType, .cookie, .server, .date:
            for index in 0..<self.count where octets.equals(fields[index].name, token) {
                fields.drop(index)
                self.kinds.formUnion(HeaderKindSet(.dropped))
            }
        // Hop-by-hop already, or written anew by the gateway.
        case .dropped, .connection, .expect, .te, .trailer, .keepAlive, .proxyConnection,
            .proxyAuthorization, .proxy, .xForwardedFor, .xForwardedProto, .xForwardedHost,
            .xForwardedPort, .xForwardedPath, .xForwardedPrefix, .xRealIP, .via,
            .xKongRequestID, .xKongLatency, .xKong:
            break
        }
        return nil
    }
}

/// Bytes with a meaning in HTTP/1.
enum Octet {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let comma: UInt8 = 0x2C
    static let slash: UInt8 = 0x2F
    static let colon: UInt8 = 0x3A
    static let semicolon: UInt8 = 0x3B
    static let question: UInt8 = 0x3F
}
