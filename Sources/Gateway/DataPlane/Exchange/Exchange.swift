internal import CMeshSystem
internal import MeshBalancing
internal import MeshHTTP

/// One request and its response, from the whole head to the last byte; its tries are ``Attempt``s.
///
///     begun --pick--> attempt --response head--> streaming --> finished
///                      \--failed: may retry? --pick--> …
///                       \--failed: else --> answered by the gateway
struct Exchange {
    /// What is known of the request and the response.
    struct Flags: OptionSet {
        let rawValue: UInt32
        /// The request's body was read to its end.
        static let requestComplete = Flags(rawValue: 1)
        /// The client waits for `100 Continue`.
        static let awaitsContinue = Flags(rawValue: 1 << 1)
        /// Repeating the request is harmless by its method.
        static let idempotent = Flags(rawValue: 1 << 2)
        /// Everything read of the body so far is in ``Exchange/replay``.
        static let isKept = Flags(rawValue: 1 << 3)
        /// The response's head went to the client.
        static let responseBegun = Flags(rawValue: 1 << 4)
        /// The client's connection is kept after the response.
        static let keepsClient = Flags(rawValue: 1 << 5)
        /// The method is HEAD.
        static let isHead = Flags(rawValue: 1 << 6)
        /// The client speaks HTTP/1.0.
        static let isHTTP10 = Flags(rawValue: 1 << 7)
        /// The client asked for a WebSocket.
        static let asksUpgrade = Flags(rawValue: 1 << 8)
        /// Both sides agreed on another protocol: bytes pass as they are.
        static let isRelay = Flags(rawValue: 1 << 9)
        /// The response's end came while bytes of it waited for the client.
        static let responseComplete = Flags(rawValue: 1 << 10)
        /// Bytes of a stream route: there is no head on either side.
        static let isStream = Flags(rawValue: 1 << 11)
        /// The next attempt must use a new connection.
        static let wantsFreshLink = Flags(rawValue: 1 << 12)
        /// The response ended before its announced end.
        static let isCut = Flags(rawValue: 1 << 13)
        /// The request is gRPC.
        static let isGRPC = Flags(rawValue: 1 << 14)
        /// The client accepts trailer fields.
        static let takesTrailers = Flags(rawValue: 1 << 15)
        /// The response's body goes to the client in chunks.
        static let sendsChunks = Flags(rawValue: 1 << 16)
        /// The response's end is the end of the client's connection.
        static let endsByClose = Flags(rawValue: 1 << 17)
        /// The request asks for Kong's debugging fields.
        static let wantsDebug = Flags(rawValue: 1 << 18)
        /// The client speaks HTTP/2.
        static let isHTTP2 = Flags(rawValue: 1 << 19)
        /// The request is a WebSocket handshake of RFC 8441.
        static let isExtendedConnect = Flags(rawValue: 1 << 20)
        /// The peer is a proxy in front that is believed.
        static let isTrusted = Flags(rawValue: 1 << 21)
        /// The body is taken in before a target is asked.
        static let isBuffering = Flags(rawValue: 1 << 22)
        /// There is a file of one of its bodies.
        static let hasSpill = Flags(rawValue: 1 << 23)
        /// Bytes on disk wait for the target.
        static let requestSpilled = Flags(rawValue: 1 << 24)
        /// Bytes on disk wait for the client.
        static let responseSpilled = Flags(rawValue: 1 << 25)
        /// A WebSocket's client was told that the node goes away.
        static let isToldToLeave = Flags(rawValue: 1 << 26)
        /// The response sets a cookie for the next request's target.
        static let setsCookie = Flags(rawValue: 1 << 27)
        /// The deadline is the route's, for the beginning of an answer alone.
        static let mayAnswerLate = Flags(rawValue: 1 << 28)
        /// It waits until a target has room.
        static let isWaiting = Flags(rawValue: 1 << 29)
        /// The hash is a target that a cookie of ours names.
        static let isPinned = Flags(rawValue: 1 << 30)
    }

    /// 32 hexadecimal digits; first in memory, so that its address is the exchange's.
    var requestID: (UInt64, UInt64, UInt64, UInt64)
    var flags: Flags
    /// Index of the client's link.
    let client: Int32
    /// Stream of an HTTP/2 client; 0 on HTTP/1.
    let stream: Int32
    /// Index of the attempt at work, or -1.
    var attempt: Int32 = -1
    /// Index of a second attempt at the same time, or -1.
    var hedge: Int32 = -1
    /// Index of the route, or -1.
    var route: Int32 = -1
    /// The target of the last attempt, as index in its upstream, or -1.
    var target: Int32 = -1
    /// Attempts begun.
    var attempts: Int32 = 0
    var status: UInt16 = 0
    /// How the request's body ends.
    var decoder: BodyDecoder
    var tried = TriedTargets()
    var view: UnsafeMutablePointer<SnapshotView>
    /// The client: the peer, or whom a trusted proxy in front names.
    var origin = mesh_address()
    /// What the log says of the request, within ``head``.
    var named: HeadRanges
    /// Milliseconds: when the client gives up (gRPC), or the route does; 0 for never.
    var deadline: Int64 = 0
    /// Bytes of the path that the route matched.
    var matched = 0
    /// Key of consistent hashing.
    var hash: UInt64 = 0
    /// Nanoseconds: first byte of the request.
    let begunAt: Int64
    /// Nanoseconds: when the last attempt began.
    var attemptAt: Int64 = 0
    /// Nanoseconds: since when it waits, or waited last, for a target with room.
    var waitingSince: Int64 = 0
    /// Nanoseconds: when the response head came; 0 before.
    var answeredAt: Int64 = 0
    /// Bytes of the request received, and of the response handed to the client.
    var received: UInt64
    var returned: UInt64 = 0
    /// Body bytes since the progress timer was last looked at; on HTTP/2, bytes that waited then.
    var progress = 0
    /// Bytes of the body that an HTTP/2 client has no credit for yet.
    var unconsumed: Int32 = 0
    /// Why the last attempt, or the exchange, failed.
    var failure = ProxyFailure.none
    /// Frames that went to a client's WebSocket.
    var frames = WebSocketFrames()
    /// What filters remember; `nil` for routes without any.
    var filters: UnsafeMutablePointer<Block>?
    /// The request's head as received.
    var head = BlockQueue()
    /// The request's body, plain, as far as it may be needed again.
    var replay = BlockQueue()
    /// Plain bytes that came before there was anybody to take them.
    var held = BlockQueue()
}

/// The parts of a kept head that the access log shows, so that it need not be read again.
struct HeadRanges {
    private var storage = SIMD8<UInt16>(repeating: 0)

    init(_ head: RequestHead) {
        self.store(head.methodName, 0)
        self.store(head.authority, 2)
        self.store(head.target, 4)
    }

    private mutating func store(_ range: ByteRange, _ place: Int) {
        self.storage[place] = UInt16(truncatingIfNeeded: range.start)
        self.storage[place + 1] = UInt16(truncatingIfNeeded: range.count)
    }

    @inline(__always)
    private func range(_ place: Int) -> ByteRange {
        ByteRange(start: Int(self.storage[place]), count: Int(self.storage[place + 1]))
    }

    var method: ByteRange { self.range(0) }
    var authority: ByteRange { self.range(2) }
    var target: ByteRange { self.range(4) }
}
