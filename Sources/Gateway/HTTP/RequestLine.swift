/// `method SP target SP version CRLF` (RFC 9112 section 3).
struct RequestLine {
    private(set) var method: HTTPMethod = .other
    private(set) var methodName: ByteRange = .empty
    private(set) var target: ByteRange = .empty
    private(set) var path: ByteRange = .empty
    private(set) var query: ByteRange = .empty
    private(set) var authority: ByteRange?
    private(set) var version: HTTPVersion = .http11
    private(set) var end = 0

    /// Longest method; longer ones are nobody's.
    private static let methodByteCount = 64

    @inline(__always)
    mutating func read(_ octets: OctetView, limit: Int) -> FieldBlock.Outcome {
        var start = 0
        // RFC 9112 section 2.2: ignore one empty line before the request line.
        if octets.count > 0, octets[0] == Octet.carriageReturn {
            guard octets.count > 1 else { return .incomplete }
            guard octets[1] == Octet.lineFeed else { return .invalid(.bareLineEnd) }
            start = 2
        }
        let methodEnd = octets.endOfToken(from: start)
        guard methodEnd - start <= Self.methodByteCount else {
            return .invalid(.malformedStartLine)
        }
        guard methodEnd < octets.count else { return .incomplete }
        guard methodEnd > start, octets[methodEnd] == Octet.space else {
            return .invalid(.malformedStartLine)
        }
        let targetStart = methodEnd + 1
        let targetEnd = octets.endOfTarget(from: targetStart)
        guard targetEnd - start <= limit else { return .invalid(.startLineTooLong) }
        guard targetEnd < octets.count else { return .incomplete }
        guard targetEnd > targetStart, octets[targetEnd] == Octet.space else {
            return .invalid(Self.targetFault(octets[targetEnd], isEmpty: targetEnd == targetStart))
        }
        self.methodName = ByteRange(start: start, count: methodEnd - start)
        self.method = HTTPMethod.of(self.methodName, in: octets)
        self.target = ByteRange(start: targetStart, count: targetEnd - targetStart)
        switch self.readVersion(octets, from: targetEnd + 1) {
        case .complete: break
        case let other: return other
        }
        if self.method == .connect || self.method == .trace {
            return .invalid(.methodNotAllowed)
        }
        return self.splitTarget(octets) ? .complete : .invalid(.malformedTarget)
    }

    private static func targetFault(_ byte: UInt8, isEmpty: Bool) -> HTTPFault {
        if byte == Octet.lineFeed { return .bareLineEnd }
        return isEmpty || byte == Octet.carriageReturn ? .malformedStartLine : .malformedTarget
    }

    /// Reads `HTTP/1.` and a digit, then CRLF.
    @inline(__always)
    private mutating func readVersion(
        _ octets: OctetView,
        from start: Int
    ) -> FieldBlock.Outcome {
        // What nearly every client sends, in two comparisons.
        guard octets.count - start >= 10, octets.word(at: start) == Octet.http11,
            octets[start + 8] == Octet.carriageReturn, octets[start + 9] == Octet.lineFeed
        else { return self.readOtherVersion(octets, from: start) }
        self.version = .http11
        self.end = start + 10
        return .complete
    }

    @inline(never)
    private mutating func readOtherVersion(
        _ octets: OctetView,
        from start: Int
    ) -> FieldBlock.Outcome {
        let text: StaticString = "HTTP/"
        for offset in 0..<8 {
            guard start + offset < octets.count else { return .incomplete }
            let byte = octets[start + offset]
            if offset < 5 {
                guard byte == text.utf8Start[offset] else { return .invalid(.malformedStartLine) }
            } else if offset == 6 {
                guard byte == UInt8(ascii: ".") else { return .invalid(.malformedStartLine) }
            } else {
                guard byte &- 0x30 < 10 else { return .invalid(.malformedStartLine) }
            }
        }
        guard start + 8 < octets.count else { return .incomplete }
        guard octets[start + 8] == Octet.carriageReturn else {
            let isLineFeed = octets[start + 8] == Octet.lineFeed
            return .invalid(isLineFeed ? .bareLineEnd : .malformedStartLine)
        }
        guard start + 9 < octets.count else { return .incomplete }
        guard octets[start + 9] == Octet.lineFeed else { return .invalid(.bareLineEnd) }
        guard octets[start + 5] == UInt8(ascii: "1") else { return .invalid(.unknownVersion) }
        // RFC 9110 section 6.2: a later minor version is read as the latest that we know.
        self.version = octets[start + 7] == UInt8(ascii: "0") ? .http10 : .http11
        self.end = start + 10
        return .complete
    }

    /// Tells the forms of RFC 9112 section 3.2 apart and cuts the target into its parts.
    @inline(__always)
    private mutating func splitTarget(_ octets: OctetView) -> Bool {
        guard octets[self.target.start] == Octet.slash else { return self.splitOther(octets) }
        self.splitQuery(octets, from: self.target.start)
        return true
    }

    /// As ``splitTarget(_:)`` for targets that are no path.
    @inline(never)
    private mutating func splitOther(_ octets: OctetView) -> Bool {
        if octets[self.target.start] == UInt8(ascii: "*"), self.target.count == 1 {
            self.path = self.target
            return self.method == .options
        }
        guard let authorityStart = self.endOfScheme(octets) else { return false }
        var authorityEnd = authorityStart
        while authorityEnd < self.target.end, octets[authorityEnd] != Octet.slash,
            octets[authorityEnd] != Octet.question
        {
            authorityEnd += 1
        }
        self.authority = ByteRange(start: authorityStart, count: authorityEnd - authorityStart)
        self.splitQuery(octets, from: authorityEnd)
        return true
    }

    @inline(__always)
    private mutating func splitQuery(_ octets: OctetView, from start: Int) {
        let mark = octets.firstIndex(of: Octet.question, from: start, to: self.target.end)
        self.path = ByteRange(start: start, count: mark - start)
        self.query = ByteRange(start: mark, count: self.target.end - mark)
    }

    private func endOfScheme(_ octets: OctetView) -> Int? {
        let start = self.target.start
        if self.target.count > 7,
            octets.equals(ByteRange(start: start, count: 7), "http://")
        {
            return start + 7
        }
        if self.target.count > 8,
            octets.equals(ByteRange(start: start, count: 8), "https://")
        {
            return start + 8
        }
        return nil
    }
}
