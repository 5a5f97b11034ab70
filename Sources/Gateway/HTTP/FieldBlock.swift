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

    /// The fields that say how the message is framed, whom it is for and what follows it.
    private static var framing: HeaderKindSet {
        [
            HeaderKindSet(.contentLength), HeaderKindSet(.transferEncoding), HeaderKindSet(.host),
            HeaderKindSet(.connection),
        ]
    }

    private(set) var count = 0
    private(set) var end = 0
    private(set) var kinds: HeaderKindSet = []
    private(set) var length: UInt64?
    private(set) var isChunked = false
    private(set) var host: ByteRange = .empty
    private(set) var closes = false
    private(set) var staysOpen = false
    private(set) var nominatesUpgrade = false
    /// Whether a `Connection` field is more than `keep-alive` or `close`.
    private var listsOptions = false

    /// Reads field lines from `start` up to and with the empty line.
    @inline(__always)
    mutating func read(
        _ octets: OctetView,
        from start: Int,
        into fields: HeaderFieldBuffer,
        limit: Int
    ) -> Outcome {
        var lines = FieldLines()
        switch lines.read(octets, from: start, into: fields, limit: limit) {
        case .complete: break
        case let other: return other
        }
        self.count = lines.count
        self.end = lines.end
        var known = lines.known
        while known != 0 {
            let index = known.trailingZeroBitCount
            known &= known &- 1
            let kind = HeaderKind.recognized(fields[index].name, octets)
            if let fault = self.note(kind, index, fields, octets) { return .invalid(fault) }
        }
        if lines.count > FieldLines.knownLimit {
            for index in FieldLines.knownLimit..<lines.count {
                let kind = HeaderKind.of(fields[index].name, in: octets)
                if let fault = self.note(kind, index, fields, octets) { return .invalid(fault) }
            }
        }
        return self.settle(octets, fields)
    }

    /// Notes what a field's name means.
    @inline(__always)
    private mutating func note(
        _ kind: HeaderKind,
        _ index: Int,
        _ fields: HeaderFieldBuffer,
        _ octets: OctetView
    ) -> HTTPFault? {
        guard kind != .other else { return nil }
        fields.mark(index, as: kind)
        if Self.framing.has(kind), let fault = self.note(kind, fields[index].value, octets) {
            return fault
        }
        self.kinds.formUnion(HeaderKindSet(kind))
        return nil
    }

    /// Takes in what a field says about framing, before its kind is noted.
    private mutating func note(
        _ kind: HeaderKind,
        _ value: ByteRange,
        _ octets: OctetView
    ) -> HTTPFault? {
        switch kind {
        case .contentLength:
            guard !self.kinds.has(.contentLength) else { return .repeatedLength }
            guard let length = octets.decimal(value), length <= UInt64(Int64.max) else {
                return .malformedLength
            }
            self.length = length
        case .transferEncoding:
            guard !self.kinds.has(.transferEncoding), octets.equals(value, "chunked") else {
                return .unknownCoding
            }
            self.isChunked = true
        case .host:
            guard !self.kinds.has(.host) else { return .repeatedHost }
            self.host = value
        case .connection:
            if !self.isPersistence(value, octets) { self.listsOptions = true }
        default: break
        }
        return nil
    }

    /// Checks what can be known only when all lines are there.
    private mutating func settle(_ octets: OctetView, _ fields: HeaderFieldBuffer) -> Outcome {
        if self.isChunked && self.length != nil { return .invalid(.lengthAndCoding) }
        return self.listsOptions ? self.nominate(octets, fields) : .complete
    }

    /// Obeys the tokens of all `Connection` fields.
    private mutating func nominate(_ octets: OctetView, _ fields: HeaderFieldBuffer) -> Outcome {
        var tokens = 0
        for index in 0..<self.count where fields[index].kind == .connection {
            let value = fields[index].value
            var at = value.start
            while at < value.end {
                let comma = octets.firstIndex(of: Octet.comma, from: at, to: value.end)
                let token = octets.trimmed(at, comma)
                at = comma + 1
                if token.isEmpty { continue }
                tokens += 1
                guard tokens <= Self.connectionTokenLimit else {
                    return .invalid(.malformedFieldValue)
                }
                if self.isPersistence(token, octets) { continue }
                guard octets.endOfToken(from: token.start) >= token.end else {
                    return .invalid(.malformedFieldValue)
                }
                if let fault = self.nominate(token, octets, fields) { return .invalid(fault) }
            }
        }
        return .complete
    }

    /// Obeys `keep-alive` and `close`; `false` for any other token.
    @inline(__always)
    private mutating func isPersistence(_ token: ByteRange, _ octets: OctetView) -> Bool {
        if octets.equals(token, "keep-alive") {
            self.staysOpen = true
        } else if octets.equals(token, "close") {
            self.closes = true
        } else {
            return false
        }
        return true
    }

    /// Obeys any other token of `Connection` (RFC 9110 section 7.6.1).
    private mutating func nominate(
        _ token: ByteRange,
        _ octets: OctetView,
        _ fields: HeaderFieldBuffer
    ) -> HTTPFault? {
        let kind = HeaderKind.of(token, in: octets)
        switch kind {
        case .host, .contentLength, .transferEncoding: return .protectedFieldNominated
        case .upgrade: self.nominatesUpgrade = true
        case .other, .accept, .contentType, .cookie, .server, .date:
            for index in 0..<self.count where octets.equals(fields[index].name, token) {
                fields.drop(index)
                self.kinds.formUnion(HeaderKindSet(.dropped))
                // All of this name go, so the kind is no longer among the fields.
                if kind != .other { self.kinds.remove(HeaderKindSet(kind)) }
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
    /// `HTTP/1.1`, as ``OctetView/word(at:)`` reads it.
    static let http11: UInt64 = 0x312E_312F_5054_5448
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
