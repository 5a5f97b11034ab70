/// The form of an error body.
public enum ErrorFormat: UInt8, CaseIterable, Sendable {
    /// `application/json`.
    case json
    /// `text/html`.
    case html
    /// `application/xml`.
    case xml
    /// `text/plain`.
    case plain

    /// The value of `Content-Type`.
    public var contentType: StaticString {
        switch self {
        case .json: "application/json; charset=utf-8"
        case .html: "text/html; charset=utf-8"
        case .xml: "application/xml; charset=utf-8"
        case .plain: "text/plain; charset=utf-8"
        }
    }

    /// The form that the request's `Accept` prefers; ``json`` when it names none or is absent.
    ///
    /// The highest weight wins, then the earlier place (RFC 9110 section 12.5.1).
    public static func preferred(
        by head: RequestHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer
    ) -> ErrorFormat {
        guard head.kinds.has(.accept) else { return .json }
        let octets = OctetView(bytes)
        var best: (format: ErrorFormat, weight: Int) = (.json, 0)
        for index in 0..<head.fieldCount where fields[index].kind == .accept {
            let value = fields[index].value
            var at = value.start
            while at < value.end {
                var comma = at
                while comma < value.end, octets[comma] != Octet.comma { comma += 1 }
                if let found = Self.range(octets, at, comma), found.weight > best.weight {
                    best = found
                }
                at = comma + 1
            }
        }
        return best.format
    }

    /// Reads one media range and its weight in thousandths.
    private static func range(
        _ octets: OctetView,
        _ start: Int,
        _ end: Int
    ) -> (format: ErrorFormat, weight: Int)? {
        var semicolon = start
        while semicolon < end, octets[semicolon] != Octet.semicolon { semicolon += 1 }
        guard let format = Self.named(octets.trimmed(start, semicolon), octets) else { return nil }
        var weight = 1_000
        var at = semicolon
        while at < end {
            let parameterStart = at + 1
            at = parameterStart
            while at < end, octets[at] != Octet.semicolon { at += 1 }
            let parameter = octets.trimmed(min(parameterStart, end), at)
            if let value = Self.weight(parameter, octets) { weight = value }
        }
        return (format, weight)
    }

    private static func named(_ range: ByteRange, _ octets: OctetView) -> ErrorFormat? {
        if octets.equals(range, "application/json") || octets.equals(range, "*/*")
            || octets.equals(range, "application/*")
        {
            return .json
        }
        if octets.equals(range, "text/html") || octets.equals(range, "text/*") { return .html }
        if octets.equals(range, "application/xml") { return .xml }
        return octets.equals(range, "text/plain") ? .plain : nil
    }

    /// `q=` with up to three digits; nil for another parameter.
    private static func weight(_ range: ByteRange, _ octets: OctetView) -> Int? {
        guard range.count >= 3, OctetView.lowercased(octets[range.start]) == UInt8(ascii: "q"),
            octets[range.start + 1] == UInt8(ascii: "=")
        else { return nil }
        var weight = octets[range.start + 2] == UInt8(ascii: "1") ? 1_000 : 0
        var place = 100
        for index in (range.start + 3)..<range.end {
            let digit = octets[index] &- 0x30
            if digit < 10 {
                weight += Int(digit) * place
                place /= 10
            }
        }
        return min(weight, 1_000)
    }
}
