/// All that changes in a session.
struct HTTP2State {
    /// The framing layer's session.
    var framing: OpaquePointer?
    var streams = StreamTable()
    /// Frames that were made and not taken.
    var outputQueue = ByteQueue()
    /// Texts of the heads and trailers that events speak of.
    var texts = ByteQueue()
    var cookies = ByteQueue()
    var headText = HeadText()
    var fields = FieldList()
    var budgets: FrameBudgets
    var scanner: FrameScanner
    var pastStreams = PastStreams()
    var queuedBeforeSettings = 0
    var now: UInt64 = 0
    var keySeed: UInt64
    var records: [HTTP2Record] = []
    var nextRecord = 0
    /// Content of the call of ``HTTP2Session/send(_:on:endsStream:)`` at work, not copied unless it
    /// must wait.
    var direct = UnsafeRawBufferPointer(start: nil, count: 0)
    var directSlot = -1
    /// Resets for errors that were counted on receipt and whose frames are still to be sent.
    var countedResets = 0
    var isGoingAway = false
    var peerGoesAway = false
    /// The error of a GOAWAY that the framing layer is about to send.
    var faultOfFraming: HTTP2Fault?
    var counters = HTTP2Counters()
    var fault: HTTP2Fault?

    init(role: HTTP2Session.Role, limits: HTTP2Limits, seed: UInt64) {
        self.budgets = FrameBudgets(limits)
        self.scanner = FrameScanner(hasPreface: role == .server)
        self.keySeed = seed
    }
}
