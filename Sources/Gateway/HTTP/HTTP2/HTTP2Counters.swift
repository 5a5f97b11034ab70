/// What happened on one connection since it began.
public struct HTTP2Counters: Equatable, Sendable {
    /// Requests whose head was reported, or which were submitted.
    public internal(set) var streams: UInt64 = 0
    /// RST_STREAM frames received.
    public internal(set) var resetsReceived: UInt64 = 0
    /// RST_STREAM frames sent because of errors of the peer.
    public internal(set) var resetsForErrors: UInt64 = 0
    /// Streams beyond ``HTTP2Limits/concurrentStreams`` that were refused.
    public internal(set) var streamsRefused: UInt64 = 0
    /// Heads that were malformed in ways that the framing layer does not know.
    public internal(set) var headsMalformed: UInt64 = 0
    /// Heads larger than ``HTTP2Limits/fieldListByteCount`` or ``HTTP2Limits/head``.
    public internal(set) var headsTooLarge: UInt64 = 0
    /// What ended the connection; nil while it goes on.
    public internal(set) var fault: HTTP2Fault?

    /// Creates zeros.
    public init() {}
}
