/// Why a message is refused.
///
/// Each case is one rule of RFC 9110 or RFC 9112 that the peer broke, or one of our limits. After
/// any of them the connection must be closed: where the next message starts is not known.
public enum HTTPFault: UInt8, Error, CaseIterable, Sendable {
    /// The request or status line does not have its parts, or has a byte that may not be there.
    case malformedStartLine
    /// The target is none of the forms of RFC 9112 section 3.2, or has a byte it may not have.
    case malformedTarget
    /// A line ends with a bare LF, or CR stands without LF (RFC 9112 section 2.2).
    case bareLineEnd
    /// A field line has no colon, an empty name, or white space before the colon (section 5.1).
    case malformedFieldName
    /// A field value holds a control character, NUL included (RFC 9110 section 5.5).
    case malformedFieldValue
    /// A field line starts with white space: obsolete folding (RFC 9112 section 5.2).
    case foldedLine
    /// `Content-Length` is not one number that fits 63 bits (RFC 9112 section 6.3).
    case malformedLength
    /// More than one `Content-Length` field, even with equal values.
    case repeatedLength
    /// Both `Content-Length` and `Transfer-Encoding` (RFC 9112 section 6.3).
    case lengthAndCoding
    /// `Transfer-Encoding` is repeated, or not exactly `chunked`, or sent with HTTP/1.0.
    case unknownCoding
    /// An HTTP/1.1 request without `Host` (RFC 9112 section 3.2).
    case missingHost
    /// More than one `Host` field.
    case repeatedHost
    /// The host or its port has a byte that it may not have.
    case malformedHost
    /// `Connection` nominates a field that frames or routes the message (RFC 9110 section 7.6.1).
    case protectedFieldNominated
    /// A chunk size is not hexadecimal, too large, or not followed by CRLF (section 7.1).
    case malformedChunk
    /// Chunk extensions or trailers take more than their limit.
    case chunkOverhead
    /// A trailer field line that breaks the rules of field lines.
    case malformedTrailer
    /// The method is CONNECT or TRACE, which this gateway never serves.
    case methodNotAllowed
    /// `Expect` is something other than `100-continue` (RFC 9110 section 10.1.1).
    case unknownExpectation
    /// A major version other than 1.
    case unknownVersion
    /// The start line is longer than its limit.
    case startLineTooLong
    /// The head is longer than its limit.
    case headTooLarge
    /// More fields than the limit.
    case tooManyFields
    /// A status outside 100 to 999 or not three digits.
    case malformedStatus

    /// What a client whose request is at fault is answered.
    ///
    /// A fault in a response is always answered 502 with ``badGatewayMessage``.
    public var status: UInt16 {
        switch self {
        case .malformedStartLine, .malformedTarget, .bareLineEnd, .malformedFieldName,
            .malformedFieldValue, .foldedLine, .malformedLength, .repeatedLength,
            .lengthAndCoding, .unknownCoding, .missingHost, .repeatedHost, .malformedHost,
            .protectedFieldNominated, .malformedChunk, .chunkOverhead, .malformedTrailer,
            .malformedStatus:
            400
        case .methodNotAllowed: 405
        case .startLineTooLong: 414
        case .unknownExpectation: 417
        case .headTooLarge, .tooManyFields: 431
        case .unknownVersion: 505
        }
    }

    /// Kong's message for ``status``.
    public var message: StaticString {
        switch self {
        case .headTooLarge, .tooManyFields: "Request header or cookie too large"
        case .unknownVersion: "HTTP version not supported"
        default: StatusText.message(for: self.status)
        }
    }

    /// Kong's message for a response that could not be read, status 502.
    public static var badGatewayMessage: StaticString { StatusText.message(for: 502) }
}
