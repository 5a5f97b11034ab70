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
            var list = WeightedList(fields[index].value, in: octets)
            while let element = list.next() {
                guard element.weight > best.weight, let format = Self.named(element.name, octets)
                else { continue }
                best = (format, element.weight)
            }
        }
        return best.format
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
}
