/// The head of an upstream's response, as offsets into the bytes it was read from.
public struct ResponseHead: Sendable {
    /// The status, 100 to 999.
    public private(set) var status: UInt16 = 0
    /// The reason phrase; often empty.
    public private(set) var reason: ByteRange = .empty
    /// Which version the upstream speaks.
    public private(set) var version: HTTPVersion = .http11
    /// How the content ends.
    public internal(set) var framing: MessageFraming = .none
    /// Whether the connection may carry another request after this response.
    public private(set) var keepAlive = true
    /// How many fields were read into the buffer.
    public private(set) var fieldCount = 0
    /// Which kinds are among the fields.
    public internal(set) var kinds: HeaderKindSet = []
    /// Where the field lines start.
    public private(set) var fieldsStart = 0
    /// The value of `Content-Length`, which HEAD and 304 have without content.
    public private(set) var declaredLength: UInt64?

    /// Where the status line has its status.
    static let statusOffset = 9
    /// Where it has its reason, unless the space before an empty one was left out.
    static let reasonOffset = 13

    /// Whether a final response follows (RFC 9110 section 15.2); 101 is final.
    public var isInterim: Bool { self.status < 200 && self.status != 101 }

    /// Creates a head that nothing was read into.
    public init() {}

    /// Reads a head that starts at the first of `bytes`; every fault means 502.
    public static func parseResponse(
        _ bytes: UnsafeRawBufferPointer,
        requestMethodIsHead: Bool,
        into head: inout ResponseHead,
        fields: HeaderFieldBuffer,
        limits: HeadLimits = HeadLimits()
    ) -> HeadParse {
        let limit = limits.effectiveHeadByteCount
        let octets = OctetView(
            UnsafeRawBufferPointer(start: bytes.baseAddress, count: min(bytes.count, limit))
        )
        head = ResponseHead()
        switch head.readStatusLine(octets, limit: limits.startLineByteCount) {
        case .incomplete: return bytes.count >= limit ? .invalid(.headTooLarge) : .incomplete
        case .invalid(let fault): return .invalid(fault)
        case .complete: break
        }
        var block = FieldBlock()
        let start = head.fieldsStart
        switch block.read(octets, from: start, into: fields, limit: limits.fieldCount) {
        case .incomplete: return bytes.count >= limit ? .invalid(.headTooLarge) : .incomplete
        case .invalid(let fault): return .invalid(fault)
        case .complete: break
        }
        if let fault = head.settle(block, requestMethodIsHead: requestMethodIsHead) {
            return .invalid(fault)
        }
        return .complete(consumed: block.end)
    }

    /// `HTTP/1.x SP status [SP reason] CRLF` (RFC 9112 section 4).
    ///
    /// The space before an empty reason is often left out; nothing is ambiguous without it.
    @inline(__always)
    private mutating func readStatusLine(
        _ octets: OctetView,
        limit: Int
    ) -> FieldBlock.Outcome {
        // What nearly every upstream sends, in one comparison.
        guard octets.count > 12, octets.word(at: 0) == Octet.http11,
            octets[8] == Octet.space, self.readStatus(octets)
        else { return self.readOtherStatusLine(octets, limit: limit) }
        return self.readReason(octets, limit: limit)
    }

    /// Reads three digits; `false` unless they are a status.
    @inline(__always)
    private mutating func readStatus(_ octets: OctetView) -> Bool {
        let (hundreds, tens, ones) = (octets[9] &- 0x30, octets[10] &- 0x30, octets[11] &- 0x30)
        guard hundreds > 0, hundreds < 10, tens < 10, ones < 10 else { return false }
        self.status = UInt16(hundreds) * 100 + UInt16(tens) * 10 + UInt16(ones)
        return true
    }

    @inline(never)
    private mutating func readOtherStatusLine(
        _ octets: OctetView,
        limit: Int
    ) -> FieldBlock.Outcome {
        let text: StaticString = "HTTP/1."
        for offset in 0..<9 {
            guard offset < octets.count else { return .incomplete }
            let byte = octets[offset]
            switch offset {
            case 0..<5:
                guard byte == text.utf8Start[offset] else { return .invalid(.malformedStartLine) }
            case 5, 6:
                guard byte == text.utf8Start[offset] else { return .invalid(.unknownVersion) }
            case 7:
                guard byte &- 0x30 < 10 else { return .invalid(.unknownVersion) }
                // RFC 9110 section 6.2: a later minor version is read as the latest we know.
                self.version = byte == 0x30 ? .http10 : .http11
            default:
                guard byte == Octet.space else { return .invalid(.malformedStartLine) }
            }
        }
        for offset in 9..<12 {
            guard offset < octets.count else { return .incomplete }
            let digit = octets[offset] &- 0x30
            guard digit < 10 else { return .invalid(.malformedStatus) }
            self.status = self.status * 10 + UInt16(digit)
        }
        guard self.status >= 100 else { return .invalid(.malformedStatus) }
        return self.readReason(octets, limit: limit)
    }

    private mutating func readReason(_ octets: OctetView, limit: Int) -> FieldBlock.Outcome {
        guard octets.count > 12 else { return .incomplete }
        var start = 12
        if octets[12] == Octet.space {
            start = Self.reasonOffset
        } else if octets[12] != Octet.carriageReturn {
            return .invalid(octets[12] == Octet.lineFeed ? .bareLineEnd : .malformedStatus)
        }
        let end = octets.endOfFieldValue(from: start)
        guard end <= limit else { return .invalid(.startLineTooLong) }
        guard end < octets.count else { return .incomplete }
        guard octets[end] == Octet.carriageReturn else {
            let isLineFeed = octets[end] == Octet.lineFeed
            return .invalid(isLineFeed ? .bareLineEnd : .malformedStartLine)
        }
        guard end + 1 < octets.count else { return .incomplete }
        guard octets[end + 1] == Octet.lineFeed else { return .invalid(.bareLineEnd) }
        self.reason = ByteRange(start: start, count: end - start)
        self.fieldsStart = end + 2
        return .complete
    }

    /// Decides the framing by the rules of RFC 9112 section 6.3, in their order.
    private mutating func settle(
        _ block: FieldBlock,
        requestMethodIsHead: Bool
    ) -> HTTPFault? {
        self.fieldCount = block.count
        self.kinds = block.kinds
        self.declaredLength = block.length
        self.keepAlive = !block.closes && (self.version == .http11 || block.staysOpen)
        if block.isChunked && self.version == .http10 { return .unknownCoding }
        if self.status < 200 || self.status == 204 {
            // RFC 9110 section 8.6 and RFC 9112 section 6.1 forbid both fields here. Whatever the
            // sender meant, its connection is not used again.
            if block.isChunked || (block.length ?? 0) > 0 { self.keepAlive = false }
            self.framing = .none
        } else if requestMethodIsHead || self.status == 304 {
            self.framing = .none
        } else if block.isChunked {
            self.framing = .chunked
        } else if let length = block.length {
            self.framing = length == 0 ? .none : .length(length)
        } else {
            self.framing = .untilClose
            self.keepAlive = false
        }
        return nil
    }
}
