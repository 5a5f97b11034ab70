/// What a server remembers of streams that are over, to tell late frames from wrong ones.
///
/// After RST_STREAM of ours the peer may have frames under way, which are ignored; after one of the
/// peer's, or its END_STREAM, any more are an error (RFC 9113 section 5.1). The framing layer
/// ignores all, since it remembers nothing.
struct PastStreams {
    /// Most streams of ours that are remembered one by one.
    private static let resetCount = 64

    /// The highest stream that the peer opened.
    private var last: UInt32 = 0
    /// Which of the 64 streams below ``last`` the peer left out; bit 0 is the next lower one.
    private var skipped: UInt64 = 0
    private var resets: [UInt32] = []
    private var nextReset = 0
    /// The highest stream that was reset and is no longer remembered.
    private var forgotten: UInt32 = 0

    /// Takes in the number of a HEADERS frame; whether it opens a stream.
    mutating func opens(_ stream: UInt32) -> Bool {
        guard stream & 1 == 1, stream > self.last else { return false }
        // Streams between the last and this one; the last itself was opened, unless it is 0.
        let between = UInt64(self.last == 0 ? stream / 2 : (stream - self.last) / 2 - 1)
        let ones = between < 64 ? (1 << between) - 1 : UInt64.max
        self.skipped = between < 63 ? self.skipped << (between + 1) | ones : ones
        self.last = stream
        return true
    }

    /// Whether the peer opened this stream or a higher one.
    func isPast(_ stream: UInt32) -> Bool { stream & 1 == 1 && stream <= self.last }

    /// Remembers that we reset a stream.
    mutating func noteReset(_ stream: UInt32) {
        guard !self.resets.contains(stream) else { return }
        if self.resets.count < Self.resetCount {
            self.resets.append(stream)
            return
        }
        self.forgotten = max(self.forgotten, self.resets[self.nextReset])
        self.resets[self.nextReset] = stream
        self.nextReset = (self.nextReset + 1) % Self.resetCount
    }

    /// The error of the connection that a frame on a past stream is; nil if it may be late.
    func fault(_ stream: UInt32, isHead: Bool) -> HTTP2Fault? {
        if stream <= self.forgotten || self.resets.contains(stream) { return nil }
        let distance = (self.last - stream) / 2
        let wasSkipped =
            distance > 0 && distance <= 64 && self.skipped >> UInt64(distance - 1) & 1 == 1
        // RFC 9113 section 5.1.1: the number of a new stream is above all earlier ones.
        let code: HTTP2ErrorCode = isHead && wasSkipped ? .protocolError : .streamClosed
        return HTTP2Fault(code: code, cause: .protocol)
    }
}
