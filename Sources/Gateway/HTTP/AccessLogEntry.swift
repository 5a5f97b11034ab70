/// One finished request as the access log tells it; all bytes are borrowed.
///
/// Bytes that came from outside may be hostile: every format escapes them. Empty bytes and `nil`
/// stand for what is not known, and are left out or written as `-`.
public struct AccessLogEntry {
    /// A failure of a request, or why its answer is no good one.
    public struct Failure {
        /// Who is to blame: `client`, `target` or `gateway`.
        public var owner: StaticString
        /// What happened, one word of a known set, as `refused`, `timeout`, `malformed`.
        public var cause: StaticString

        /// Names who did what.
        public init(owner: StaticString, cause: StaticString) {
            self.owner = owner
            self.cause = cause
        }
    }

    private static var nothing: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// When the request ended, milliseconds after 1970.
    public var milliseconds: UInt64 = 0
    /// 32 hexadecimal digits.
    public var requestID = nothing
    /// The client's address as text.
    public var client = nothing
    /// Who the client proved to be; in Common and Combined only.
    public var user = nothing
    /// The method as it was sent.
    public var method = nothing
    /// The authority the request named.
    public var host = nothing
    /// The request target as it was sent.
    public var target = nothing
    /// Which version the client spoke.
    public var version: HTTPVersion = .http11
    /// What the client was answered; 499 when it left before.
    public var status: UInt16 = 0
    /// What ``AccessLogFormat/routeMembers(service:route:)`` made for the route.
    public var routeMembers = nothing
    /// What ``AccessLogFormat/upstreamMember(address:)`` made for the last target.
    public var upstreamMember = nothing
    /// How many targets were tried.
    public var tries: UInt64 = 0
    /// Bytes of the request's content that came from the client.
    public var requestByteCount: UInt64 = 0
    /// Bytes that were sent to the client.
    public var responseByteCount: UInt64 = 0
    /// From the request's first byte to the answer's last.
    public var requestMicroseconds: UInt64 = 0
    /// How long the last target was waited for; `nil` when none answered.
    public var upstreamMicroseconds: UInt64?
    /// Why the request failed, if it did.
    public var failure: Failure?
    /// Who broke an answer off that had begun: `client`, `target` or `gateway`; `nil` for a whole
    /// one.
    public var cut: StaticString?
    /// The value of `Referer`; in Combined only.
    public var referer = nothing
    /// The value of `User-Agent`; in Combined only.
    public var userAgent = nothing

    /// Creates an entry that knows nothing.
    public init() {}
}
