/// The method of a request.
///
/// Routes match any token; ``RequestHead/methodName`` has the bytes.
public enum HTTPMethod: UInt8, Sendable {
    /// `GET`.
    case get
    /// `HEAD`.
    case head
    /// `POST`.
    case post
    /// `PUT`.
    case put
    /// `DELETE`.
    case delete
    /// `PATCH`.
    case patch
    /// `OPTIONS`.
    case options
    /// `TRACE`; always refused.
    case trace
    /// `CONNECT`; always refused.
    case connect
    /// Any other token.
    case other

    /// Whether repeating the request is harmless by definition (RFC 9110 section 9.2.2).
    @inlinable
    public var isIdempotent: Bool {
        switch self {
        case .get, .head, .put, .delete, .options, .trace: true
        case .post, .patch, .connect, .other: false
        }
    }

    /// Recognises a method; unlike field names, methods are case-sensitive.
    static func of(_ name: ByteRange, in octets: OctetView) -> HTTPMethod {
        switch name.count {
        case 3:
            if Self.matches(name, "GET", octets) { return .get }
            if Self.matches(name, "PUT", octets) { return .put }
        case 4:
            if Self.matches(name, "POST", octets) { return .post }
            if Self.matches(name, "HEAD", octets) { return .head }
        case 5:
            if Self.matches(name, "PATCH", octets) { return .patch }
            if Self.matches(name, "TRACE", octets) { return .trace }
        case 6:
            if Self.matches(name, "DELETE", octets) { return .delete }
        case 7:
            if Self.matches(name, "OPTIONS", octets) { return .options }
            if Self.matches(name, "CONNECT", octets) { return .connect }
        default: break
        }
        return .other
    }

    @inline(__always)
    private static func matches(
        _ name: ByteRange,
        _ text: StaticString,
        _ octets: OctetView
    ) -> Bool {
        for offset in 0..<text.utf8CodeUnitCount
        where octets[name.start + offset] != text.utf8Start[offset] {
            return false
        }
        return true
    }
}
