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
    /// `application/grpc`: status and message are fields, the body is empty.
    case grpc

    /// The value of `Content-Type`.
    public var contentType: StaticString {
        switch self {
        case .json: "application/json; charset=utf-8"
        case .html: "text/html; charset=utf-8"
        case .xml: "application/xml; charset=utf-8"
        case .plain: "text/plain; charset=utf-8"
        case .grpc: "application/grpc"
        }
    }

    /// Who found the error, which decides where its form is looked up.
    public enum Origin: Sendable {
        /// The router or a plugin: the form is JSON unless `Accept` wants another.
        case gateway
        /// What Kong leaves to nginx, refused requests and failed targets: without `Accept` the
        /// request's `Content-Type` decides, then a setting.
        case server
    }

    /// The form of an error for this request.
    ///
    /// A request of gRPC (HTTP/2 with its content type) gets ``grpc`` whatever it accepts.
    ///
    /// - Parameters:
    ///   - origin: who found the error.
    ///   - head: the request.
    ///   - fields: the request's fields.
    ///   - bytes: what the head was read from.
    ///   - version: which version the request came in.
    ///   - fallback: Kong's `error_default_type`, for errors of ``Origin/server``.
    /// - Returns: the form.
    public static func negotiated(
        by origin: Origin,
        _ head: RequestHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer,
        version: HTTPVersion,
        fallback: ErrorFormat = .plain
    ) -> ErrorFormat {
        let octets = OctetView(bytes)
        let type = Self.contentType(head, fields, octets)
        if version == .http2, let type, Self.isGRPC(type, octets) { return .grpc }
        if head.kinds.has(.accept) || origin == .gateway {
            return Self.preferred(by: head, fields, from: bytes)
        }
        guard let type else { return fallback }
        return Self.named(type, octets) ?? .json
    }

    /// Whether a request's `Content-Type` is one of gRPC; the version is not looked at.
    public static func isGRPC(
        _ head: RequestHead,
        _ fields: HeaderFieldBuffer,
        from bytes: UnsafeRawBufferPointer
    ) -> Bool {
        let octets = OctetView(bytes)
        return Self.contentType(head, fields, octets).map { Self.isGRPC($0, octets) } ?? false
    }

    private static func isGRPC(_ type: ByteRange, _ octets: OctetView) -> Bool {
        type.count >= 16 && octets.tokenMatches(type.start, "application/grpc")
    }

    /// The value of `Content-Type` without parameters; `nil` when there is none.
    private static func contentType(
        _ head: RequestHead,
        _ fields: HeaderFieldBuffer,
        _ octets: OctetView
    ) -> ByteRange? {
        guard head.kinds.has(.contentType) else { return nil }
        for index in 0..<head.fieldCount where fields[index].kind == .contentType {
            let value = fields[index].value
            let end = octets.firstIndex(of: Octet.semicolon, from: value.start, to: value.end)
            return octets.trimmed(value.start, end)
        }
        return nil
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
