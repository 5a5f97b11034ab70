/// The head of a message that the peer sent, as HTTP/1 text.
public struct HTTP2Head {
    /// The whole head with its empty line; what ``RequestHead`` or ``ResponseHead`` reads.
    ///
    /// Its framing is `chunked` when content follows that declares no length. A response without
    /// content says `Content-Length: 0` where HTTP/1 would read until the connection closes.
    public let text: UnsafeRawBufferPointer
    /// Whether neither content nor trailers follow.
    public let endsStream: Bool
    /// Whether the request is a WebSocket handshake of RFC 8441, told as one of RFC 6455.
    ///
    /// A response 101 to it is sent as 200; what follows both heads is the WebSocket itself.
    public let isExtendedConnect: Bool
    /// Whether `:scheme` is `https`; false for responses.
    public let isSecure: Bool
    /// Why the request must be refused without reading ``text``, which is then empty.
    public let fault: HTTPFault?
}

/// What the peer did, in the order it did it.
public struct HTTP2Event {
    /// What happened; memory is valid until the next call of ``HTTP2Session/receive(_:now:)``.
    public enum Kind {
        /// A request, or the final or an interim response.
        case head(HTTP2Head)
        /// Content, to be given back by ``HTTP2Session/consume(_:on:)`` when it went on.
        case data(UnsafeRawBufferPointer)
        /// Trailer fields as lines `name: value CRLF`; ``end`` follows.
        case trailers(UnsafeRawBufferPointer)
        /// The peer sends no more on this stream.
        case end
        /// Everything that waited for the peer's window has been made into frames.
        case drained
        /// The stream is over for both sides; the last event of every stream.
        ///
        /// `noError` after both ends said END_STREAM, else the code of the reset. `byPeer` tells
        /// who reset it.
        case closed(HTTP2ErrorCode, byPeer: Bool)
        /// The peer accepts no streams above `lastStream`; those were closed as refused.
        case goaway(lastStream: Int32, HTTP2ErrorCode)
        /// New settings of the peer hold, so ``HTTP2Session/canSubmit`` may differ.
        case settings
        /// The peer acknowledged our settings.
        case settingsAcknowledged
        /// The answer to ``HTTP2Session/ping(_:)``.
        case pong(UInt64)
    }

    /// Which stream; 0 for the connection.
    public let stream: Int32
    /// What the caller set by ``HTTP2Session/setTag(_:on:)``; -1 before.
    public let tag: Int32
    /// What happened.
    public let kind: Kind
}

/// An event as it is kept until it is read: offsets instead of pointers into memory that grows.
struct HTTP2Record {
    enum Kind: UInt8 {
        case head
        case data
        case trailers
        case end
        case drained
        case closed
        case goaway
        case settings
        case settingsAcknowledged
        case pong
    }

    struct Flags: OptionSet {
        let rawValue: UInt8
        static let endsStream = Flags(rawValue: 1)
        static let isExtendedConnect = Flags(rawValue: 2)
        static let isSecure = Flags(rawValue: 4)
        static let byPeer = Flags(rawValue: 8)
    }

    var kind: Kind
    var flags: Flags = []
    var fault: HTTPFault?
    var slot: Int32 = -1
    var stream: Int32 = 0
    var code: HTTP2ErrorCode = .noError
    /// An address for content, an offset for texts, the opaque value of a ping.
    var start: UInt = 0
    var count = 0

    /// Whether the record speaks of memory that the next receipt invalidates.
    var isBorrowing: Bool { self.kind == .head || self.kind == .data || self.kind == .trailers }
}
