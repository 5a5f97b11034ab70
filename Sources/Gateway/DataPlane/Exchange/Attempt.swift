internal import MeshHTTP

/// One try at one target, from the choice to the last byte of its response.
///
///     chosen --connection--> sending --response head--> answering --end--> released or closed
///                  \-- failed at any point before the head: AttemptPolicy decides
struct Attempt {
    /// What is known of the attempt.
    struct Flags: OptionSet {
        let rawValue: UInt16
        /// The connection served a request before.
        static let wasReused = Flags(rawValue: 1)
        /// The target holds this attempt in its count of requests in flight.
        static let isCounted = Flags(rawValue: 2)
        /// The connection may be kept after the response.
        static let keepsLink = Flags(rawValue: 4)
        /// The target takes no more of the request; the rest is thrown away.
        static let discardsRequest = Flags(rawValue: 8)
        /// The request's body is sent in chunks.
        static let sendsChunks = Flags(rawValue: 16)
        /// The target said that it did not begin on the request.
        static let wasDeclined = Flags(rawValue: 32)
        /// The whole request was handed to the connection.
        static let requestSent = Flags(rawValue: 64)
        /// The target has sent the whole response (HTTP/2).
        static let answerEnded = Flags(rawValue: 128)
        /// The head may have left on an HTTP/2 connection.
        static let headSubmitted = Flags(rawValue: 256)
        /// The target has the whole request and owes a response.
        static let isAwaited = Flags(rawValue: 512)
        /// Another target was, or may not be, asked for the same.
        static let isHedged = Flags(rawValue: 1024)
    }

    /// Index of the exchange.
    let exchange: Int32
    /// Index of the connection, or -1.
    var link: Int32 = -1
    /// Stream of an HTTP/2 connection, -1 before it has a number; 0 on HTTP/1.
    var stream: Int32 = 0
    /// Index of the target in its upstream.
    var target: Int32
    var flags: Flags = []
    /// Bytes of the response that an HTTP/2 target has no credit for yet.
    var unconsumed: Int32 = 0
    /// Bytes that waited for the target when its time to take more of them began; 0 when none did.
    var waiting: Int32 = 0
    /// Milliseconds that an attempt on trial waits for an answer; 0 for every other attempt.
    var patience: Int32 = 0
    /// Bytes of the response since its time limit was last renewed, where a least number is demanded.
    var progress: Int64 = 0
    /// Interim responses passed on.
    var interims: UInt8 = 0
    /// Nanoseconds.
    let begunAt: Int64
    /// Milliseconds when the target had the whole request and began to owe a response.
    var awaitedSince: Int64 = 0
    /// How the response ends.
    var decoder = BodyDecoder(.none)
}
