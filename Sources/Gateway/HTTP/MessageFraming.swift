/// How the end of a message's content is found (RFC 9112 section 6.3).
public enum MessageFraming: Equatable, Sendable {
    /// There is no content.
    case none
    /// Exactly so many bytes.
    case length(UInt64)
    /// Chunks up to the last one.
    case chunked
    /// Everything until the connection closes; responses only.
    case untilClose
}

/// The versions of HTTP that are served.
public enum HTTPVersion: UInt8, Sendable {
    /// HTTP/1.0: no chunks, no interim responses, closed unless asked to stay open.
    case http10
    /// HTTP/1.1, and any later HTTP/1 (RFC 9110 section 6.2).
    case http11
    /// HTTP/2, which has frames of its own for everything that HTTP/1 frames by fields.
    case http2
}

extension HeadWriter {
    /// Appends what `Via` says of a message received in a version (RFC 9110 section 7.6.3), and a space.
    ///
    /// Literals are written where they stand: one that was chosen before would be copied by a call.
    @inline(__always)
    mutating func write(versionOfVia version: HTTPVersion) {
        switch version {
        case .http10: self.write("1.0 ")
        case .http11: self.write("1.1 ")
        case .http2: self.write("2 ")
        }
    }
}

/// What became of an attempt to read a head.
public enum HeadParse: Equatable, Sendable {
    /// The head has not arrived whole; call again with more bytes, from its first byte.
    case incomplete
    /// The head was read; so many bytes belong to it.
    case complete(consumed: Int)
    /// The head is refused; answer and close.
    case invalid(HTTPFault)
}
