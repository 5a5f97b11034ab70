/// An error code of RST_STREAM and GOAWAY (RFC 9113 section 7); peers may send unknown ones.
public struct HTTP2ErrorCode: RawRepresentable, Hashable, Sendable {
    /// The code as it stands in frames.
    public let rawValue: UInt32

    /// Creates a code of any value.
    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// A graceful end.
    public static let noError = HTTP2ErrorCode(rawValue: 0)
    /// The peer broke the protocol.
    public static let protocolError = HTTP2ErrorCode(rawValue: 1)
    /// Something failed on the sender's side.
    public static let internalError = HTTP2ErrorCode(rawValue: 2)
    /// More content than the window allowed.
    public static let flowControlError = HTTP2ErrorCode(rawValue: 3)
    /// SETTINGS were not acknowledged in time.
    public static let settingsTimeout = HTTP2ErrorCode(rawValue: 4)
    /// A frame for a stream that had ended.
    public static let streamClosed = HTTP2ErrorCode(rawValue: 5)
    /// A frame of a size its type cannot have.
    public static let frameSizeError = HTTP2ErrorCode(rawValue: 6)
    /// Nothing of the request was processed; it may be sent again.
    public static let refusedStream = HTTP2ErrorCode(rawValue: 7)
    /// The stream is not wanted any more.
    public static let cancel = HTTP2ErrorCode(rawValue: 8)
    /// The state of field compression was lost.
    public static let compressionError = HTTP2ErrorCode(rawValue: 9)
    /// The connection behind a CONNECT broke.
    public static let connectError = HTTP2ErrorCode(rawValue: 10)
    /// The peer costs too much.
    public static let enhanceYourCalm = HTTP2ErrorCode(rawValue: 11)
    /// The transport is not secure enough.
    public static let inadequateSecurity = HTTP2ErrorCode(rawValue: 12)
    /// The request must be made with HTTP/1.1.
    public static let http11Required = HTTP2ErrorCode(rawValue: 13)
}

/// Why a connection was ended by us: a rule of the protocol, or one of ``HTTP2Limits``.
public enum HTTP2Cause: UInt8, CaseIterable, Sendable {
    /// The client did not begin with the preface of RFC 9113 section 3.4.
    case preface
    /// An error of the connection in the sense of RFC 9113 section 5.4.1.
    case `protocol`
    /// ``HTTP2Limits/resets``.
    case resets
    /// ``HTTP2Limits/pings``.
    case pings
    /// ``HTTP2Limits/settings``.
    case settings
    /// ``HTTP2Limits/priorities``.
    case priorities
    /// ``HTTP2Limits/windowUpdates``.
    case windowUpdates
    /// ``HTTP2Limits/emptyFrames``.
    case emptyFrames
    /// ``HTTP2Limits/unknownFrames``.
    case unknownFrames
    /// ``HTTP2Limits/continuations``.
    case continuations
    /// Four times ``HTTP2Limits/fieldListByteCount`` in one block.
    case fieldList
    /// ``HTTP2Limits/acknowledgements`` or ``HTTP2Limits/queuedFrames``.
    case queuedFrames
    /// Our own failure; memory has run out.
    case ourselves
}

/// An error of the connection; a GOAWAY is the last of the output, then the connection is closed.
public struct HTTP2Fault: Error, Equatable, Sendable {
    /// What the GOAWAY says.
    public let code: HTTP2ErrorCode
    /// What the counters and the log say.
    public let cause: HTTP2Cause

    /// Creates a fault.
    public init(code: HTTP2ErrorCode, cause: HTTP2Cause) {
        self.code = code
        self.cause = cause
    }
}
