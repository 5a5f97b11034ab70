internal import MeshBalancing
internal import MeshHTTP

/// One request and its response, from the whole head to the last byte.
///
///     begun --pick--> attempt --response head--> streaming --> finished
///                      \--failed: may retry? --pick--> …
///                       \--failed: else --> answered by the gateway
struct Exchange {
    /// What is known of the request and the response.
    struct Flags: OptionSet {
        let rawValue: UInt16
        /// The request's body was read to its end.
        static let requestComplete = Flags(rawValue: 1)
        /// The client waits for `100 Continue`.
        static let awaitsContinue = Flags(rawValue: 2)
        /// Repeating the request is harmless by its method.
        static let idempotent = Flags(rawValue: 4)
        /// Everything read of the body so far is in ``Exchange/replay``.
        static let replayable = Flags(rawValue: 8)
        /// Some bytes reached a target.
        static let sent = Flags(rawValue: 16)
        /// The response's head went to the client.
        static let responseBegun = Flags(rawValue: 32)
        /// The attempt uses a connection that served a request before.
        static let reusedConnection = Flags(rawValue: 64)
        /// The attempt must use a new connection.
        static let wantsFreshConnection = Flags(rawValue: 128)
        /// The client's connection is kept after the response.
        static let keepsClient = Flags(rawValue: 256)
        /// The target's connection may be kept after the response.
        static let keepsUpstream = Flags(rawValue: 512)
        /// The method is HEAD.
        static let isHead = Flags(rawValue: 1_024)
        /// The client speaks HTTP/1.0.
        static let isHTTP10 = Flags(rawValue: 2_048)
        /// The client asked for a WebSocket.
        static let asksUpgrade = Flags(rawValue: 4_096)
        /// Both sides agreed on a WebSocket: bytes pass as they are.
        static let isTunnel = Flags(rawValue: 8_192)
        /// The target takes no more of the request; the rest is thrown away.
        static let discardsRequest = Flags(rawValue: 16_384)
        /// A target holds this exchange in its count of requests in flight.
        static let isCounted = Flags(rawValue: 32_768)
    }

    /// 32 hexadecimal digits; first in memory, so that its address is the exchange's.
    var requestID: (UInt64, UInt64, UInt64, UInt64)
    var flags: Flags
    var client: Int32
    /// Index of the target's connection, or -1.
    var upstream: Int32
    /// Index of the route, or -1.
    var route: Int32
    /// Index of the target in its upstream, or -1.
    var target: Int32
    /// Attempts begun.
    var attempts: Int32
    var status: UInt16
    /// Interim responses passed on.
    var interims: UInt8
    /// How the request ends; `length` counts what is still to come.
    var requestFraming: MessageFraming
    var requestChunks: ChunkedDecoder
    /// How the response ends; `length` counts what is still to come.
    var responseFraming: MessageFraming
    var responseChunks: ChunkedDecoder
    /// How the client is told of the response's end.
    var clientFraming: MessageFraming
    var tried: TriedTargets
    var view: UnsafeMutablePointer<SnapshotView>
    /// Bytes of the path that the route matched.
    var matched: Int
    /// Key of consistent hashing.
    var hash: UInt64
    /// Nanoseconds: first byte of the request.
    var begunAt: Int64
    /// Nanoseconds: when the attempt began.
    var attemptAt: Int64
    /// Nanoseconds: when the response head came; 0 before.
    var answeredAt: Int64
    /// Bytes of the request received, and of the response handed to the client.
    var received: UInt64
    var returned: UInt64
    /// Body bytes since the progress timer was last looked at.
    var progress: Int
    /// Why the last attempt failed.
    var failure: AttemptFailure
    /// What plugins remember; `nil` for routes without any.
    var plugins: UnsafeMutablePointer<Block>?
    /// The request's head as received.
    var head: BlockQueue
    /// The request's body as sent to the target, as far as it may be needed again.
    var replay: BlockQueue
}

/// How an attempt ended without a response.
enum AttemptFailure: UInt8 {
    case none
    /// Refused, or not connected for another reason than time.
    case connect
    /// No connection, no write or no response byte within Kong's limits.
    case timeout
    /// The connection broke.
    case reset
    /// The response was not HTTP.
    case malformed
}
