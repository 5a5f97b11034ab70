/// The head of a request, as offsets into the bytes it was read from.
///
/// Reading allocates nothing. Every message whose end or meaning two programs could read
/// differently is refused, since such a difference is what request smuggling lives on (RFC 9112
/// section 11.2).
public struct RequestHead: Sendable {
    /// Which method.
    public private(set) var method: HTTPMethod = .get
    /// The method as it was sent.
    public private(set) var methodName: ByteRange = .empty
    /// The whole target as it was sent.
    public private(set) var target: ByteRange = .empty
    /// The path part of the target; empty stands for `/`, and `*` is the server itself.
    public private(set) var path: ByteRange = .empty
    /// The query part with its `?`; empty when there is none.
    public private(set) var query: ByteRange = .empty
    /// Host and port as they were sent; from an absolute target if there is one, else from `Host`.
    public private(set) var authority: ByteRange = .empty
    /// The host of ``authority``; IPv6 literals keep their brackets.
    public private(set) var host: ByteRange = .empty
    /// The port of ``authority``; 0 when it names none.
    public private(set) var port: UInt16 = 0
    /// Which version the client speaks.
    public private(set) var version: HTTPVersion = .http11
    /// Whether the client wants the connection kept after this request.
    public private(set) var keepAlive = true
    /// How the content ends; never `untilClose`.
    public internal(set) var framing: MessageFraming = .none
    /// The value of `Content-Length`, 0 included; `nil` when none was sent.
    ///
    /// With 0 the framing is `none`, yet servers that insist on a length (411) must still see it.
    public internal(set) var declaredLength: UInt64?
    /// Whether the client waits for `100 Continue` before it sends its content.
    public private(set) var expectsContinue = false
    /// Whether this is a WebSocket handshake: GET without content that nominates `Upgrade:
    /// websocket`.
    ///
    /// Other upgrades (`h2c`) are not offered to the upstream; the field is dropped.
    public private(set) var upgrade = false
    /// Whether the client accepts trailer fields (`TE: trailers`).
    public private(set) var acceptsTrailers = false
    /// How many fields were read into the buffer.
    public private(set) var fieldCount = 0
    /// Which kinds are among the fields.
    public internal(set) var kinds: HeaderKindSet = []
    /// Where the field lines start.
    public private(set) var fieldsStart = 0

    /// Creates a head that nothing was read into.
    public init() {}

    /// Reads a head that starts at the first of `bytes`.
    ///
    /// One empty line before the request line is skipped (RFC 9112 section 2.2). After
    /// `incomplete` and `invalid` the content of `head` and `fields` is meaningless.
    public static func parseRequest(
        _ bytes: UnsafeRawBufferPointer,
        into head: inout RequestHead,
        fields: HeaderFieldBuffer,
        limits: HeadLimits = HeadLimits()
    ) -> HeadParse {
        let limit = limits.effectiveHeadByteCount
        let octets = OctetView(
            UnsafeRawBufferPointer(start: bytes.baseAddress, count: min(bytes.count, limit))
        )
        head = RequestHead()
        var line = RequestLine()
        switch line.read(octets, limit: limits.startLineByteCount) {
        case .incomplete: return bytes.count >= limit ? .invalid(.headTooLarge) : .incomplete
        case .invalid(let fault): return .invalid(fault)
        case .complete: break
        }
        var block = FieldBlock()
        switch block.read(octets, from: line.end, into: fields, limit: limits.fieldCount) {
        case .incomplete: return bytes.count >= limit ? .invalid(.headTooLarge) : .incomplete
        case .invalid(let fault): return .invalid(fault)
        case .complete: break
        }
        if let fault = head.settle(line, block, octets, fields) { return .invalid(fault) }
        return .complete(consumed: block.end)
    }

    /// Puts line and fields together; nil if they agree with each other.
    @inline(__always)
    private mutating func settle(
        _ line: RequestLine,
        _ block: FieldBlock,
        _ octets: OctetView,
        _ fields: HeaderFieldBuffer
    ) -> HTTPFault? {
        self.method = line.method
        self.methodName = line.methodName
        self.target = line.target
        self.path = line.path
        self.query = line.query
        self.version = line.version
        self.fieldsStart = line.end
        self.fieldCount = block.count
        self.kinds = block.kinds
        if let fault = self.settleAuthority(line, block, octets) { return fault }
        self.declaredLength = block.length
        if block.isChunked {
            // RFC 9112 section 6.1: HTTP/1.0 knows no chunks, so its framing is faulty.
            guard self.version == .http11 else { return .unknownCoding }
            self.framing = .chunked
        } else if let length = block.length, length > 0 {
            self.framing = .length(length)
        }
        self.keepAlive = !block.closes && (self.version == .http11 || block.staysOpen)
        guard self.kinds.has(.expect) || self.kinds.has(.upgrade) || self.kinds.has(.te) else {
            return nil
        }
        return self.settleOptions(block, octets, fields)
    }

    @inline(__always)
    private mutating func settleAuthority(
        _ line: RequestLine,
        _ block: FieldBlock,
        _ octets: OctetView
    ) -> HTTPFault? {
        if !block.kinds.has(.host) {
            guard self.version == .http10 else { return .missingHost }
        } else if let host = Authority(parsing: block.host, in: octets) {
            self.take(host)
        } else {
            return .malformedHost
        }
        // RFC 9112 section 3.2.2: a proxy ignores Host when the target is absolute.
        if let absolute = line.authority {
            guard let authority = Authority(parsing: absolute, in: octets) else {
                return .malformedTarget
            }
            self.take(authority)
        }
        return nil
    }

    private mutating func take(_ authority: Authority) {
        self.authority = authority.whole
        self.host = authority.host
        self.port = authority.port
    }

    /// Reads the fields that ask for something: `Expect`, `Upgrade`, `TE`.
    @inline(never)
    private mutating func settleOptions(
        _ block: FieldBlock,
        _ octets: OctetView,
        _ fields: HeaderFieldBuffer
    ) -> HTTPFault? {
        for index in 0..<self.fieldCount {
            let field = fields[index]
            switch field.kind {
            case .expect:
                // RFC 9110 section 10.1.1: HTTP/1.0 cannot expect anything.
                guard self.version == .http11 else { continue }
                guard octets.equals(field.value, "100-continue") else {
                    return .unknownExpectation
                }
                self.expectsContinue = self.framing != .none
            case .upgrade:
                self.upgrade =
                    block.nominatesUpgrade && self.version == .http11 && self.method == .get
                    && self.framing == .none && octets.equals(field.value, "websocket")
            case .te:
                if Self.listsTrailers(field.value, octets) { self.acceptsTrailers = true }
            default: break
            }
        }
        return nil
    }

    /// Whether `TE` has `trailers` among the codings, which may carry weights (RFC 9110 section
    /// 10.1.4).
    private static func listsTrailers(_ value: ByteRange, _ octets: OctetView) -> Bool {
        if octets.equals(value, "trailers") { return true }
        var list = WeightedList(value, in: octets)
        while let element = list.next() {
            if octets.equals(element.name, "trailers"), element.weight > 0 { return true }
        }
        return false
    }
}
