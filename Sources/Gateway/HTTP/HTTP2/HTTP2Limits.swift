/// What one HTTP/2 connection may cost, whichever end the peer is.
///
/// The counts of frames are budgets: each refills evenly over ``budgetMilliseconds`` and is full at
/// first. Some are also earned by useful frames, so that a busy honest peer never runs out.
public struct HTTP2Limits: Equatable, Sendable {
    /// Most requests of the peer that are open at a time.
    ///
    /// Default 100; 1 to 65,535. Announced in SETTINGS; more are refused, and an error of the
    /// connection once the peer has acknowledged the limit (RFC 9113 section 5.1.2).
    public var concurrentStreams: UInt32 = 100
    /// Content of one stream that may arrive before it is consumed, in bytes.
    ///
    /// Default 64 KiB; 1 to 2,147,483,647.
    public var streamWindowByteCount: UInt32 = 65_536
    /// Content of all streams that may be under way, in bytes; credited again on receipt.
    ///
    /// Default 1 MiB; 65,535 to 2,147,483,647.
    public var connectionWindowByteCount: UInt32 = 1_048_576
    /// Limits of a head as HTTP/1 text; a longer one is reported with its fault.
    ///
    /// The heads of one receipt may take 16 times its bytes together.
    public var head = HeadLimits()
    /// Largest field list as RFC 9113 section 10.5.1 counts it: names, values, 32 bytes per field.
    ///
    /// Default 64 KiB. A larger request is reported as too large; four times as much in one block
    /// ends the connection.
    public var fieldListByteCount = 65_536
    /// Content of one stream that may wait for the peer's window before more is refused, in bytes.
    ///
    /// Default 256 KiB. A caller that stops while anything waits never reaches it.
    public var waitingByteCount = 262_144
    /// Frames made ahead of the caller's taking them, in bytes.
    ///
    /// Default 64 KiB; one frame and one head may exceed it.
    public var outputByteCount = 65_536

    /// Time in which a used-up budget is full again, in milliseconds.
    ///
    /// Default 30,000; at least 1.
    public var budgetMilliseconds: UInt64 = 30_000
    /// Streams that a client may reset, or make us reset by its errors (CVE-2023-44487,
    /// CVE-2025-8671).
    ///
    /// Default 200. Servers do not count the resets that the caller asks for.
    public var resets: UInt32 = 200
    /// PING frames without ACK; each DATA frame either way earns one (CVE-2019-9512).
    ///
    /// Default 200.
    public var pings: UInt32 = 200
    /// SETTINGS frames without ACK (CVE-2019-9515).
    ///
    /// Default 100.
    public var settings: UInt32 = 100
    /// PRIORITY frames; each new stream earns 10 (CVE-2019-9513).
    ///
    /// Default 200.
    public var priorities: UInt32 = 200
    /// WINDOW_UPDATE frames; each DATA frame sent earns 10, each new stream 5.
    ///
    /// Default 1,000.
    public var windowUpdates: UInt32 = 1_000
    /// DATA frames without content or END_STREAM; each with content earns one (CVE-2019-9518).
    ///
    /// Default 100.
    public var emptyFrames: UInt32 = 100
    /// Frames of unknown types, which RFC 9113 section 5.5 has us ignore.
    ///
    /// Default 200.
    public var unknownFrames: UInt32 = 200
    /// CONTINUATION frames of one head (CVE-2024-28182).
    ///
    /// Default 8.
    public var continuations = 8
    /// Acknowledgements that may wait to be sent.
    ///
    /// Default 200.
    public var acknowledgements = 200
    /// Control frames of any kind that may wait to be sent.
    ///
    /// Default 1,000.
    public var queuedFrames = 1_000

    /// Creates the defaults.
    public init() {}
}
