internal import CNghttp2

/// How frames are made; the lower half is called by the framing layer.
extension HTTP2Session {
    /// Makes frames until none is due or the output is full.
    func makeFrames() {
        while self.state.pointee.fault == nil,
            self.state.pointee.outputQueue.count < self.limits.outputByteCount
        {
            var address: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(self.state.pointee.framing, &address)
            if count > 0 {
                self.state.pointee.outputQueue.append(
                    UnsafeRawBufferPointer(start: address, count: count)
                )
            }
            if let fault = self.state.pointee.faultOfFraming {
                self.end(fault)
            } else if count < 0 {
                self.fail(
                    self.state.pointee.fault ?? HTTP2Fault(code: .internalError, cause: .ourselves)
                )
            }
            if count <= 0 { return }
        }
    }

    /// Frames to send, in one piece; empty when there are none.
    ///
    /// Valid until the next call on the session.
    public var output: UnsafeRawBufferPointer {
        self.makeFrames()
        return self.state.pointee.outputQueue.bytes
    }

    /// Drops the first bytes of ``output``, which were sent.
    public func dropOutput(_ byteCount: Int) {
        self.state.pointee.outputQueue.removeFirst(byteCount)
        self.state.pointee.outputQueue.trim(above: 4_096)
    }

    /// Copies frames that are due, and drops them from ``output``.
    ///
    /// - Returns: How many bytes were copied; 0 when nothing is due.
    public func writeOutput(into buffer: UnsafeMutableRawPointer, capacity: Int) -> Int {
        var written = 0
        while written < capacity {
            let bytes = self.output
            let count = min(bytes.count, capacity - written)
            guard count > 0, let source = bytes.baseAddress else { break }
            (buffer + written).copyMemory(from: source, byteCount: count)
            written += count
            self.dropOutput(count)
        }
        return written
    }

    /// Whether ``output`` is not empty.
    public var wantsWrite: Bool {
        if !self.state.pointee.outputQueue.isEmpty { return true }
        return self.state.pointee.fault == nil
            && nghttp2_session_want_write(self.state.pointee.framing) != 0
    }

    /// Whether the connection is over once it is closed: nothing is to be sent or received.
    public var isFinished: Bool {
        guard self.state.pointee.outputQueue.isEmpty else { return false }
        return self.state.pointee.fault != nil
            || nghttp2_session_want_read(self.state.pointee.framing) == 0
                && nghttp2_session_want_write(self.state.pointee.framing) == 0
    }

    /// Announces that no new streams will be taken soon; those on their way still are.
    ///
    /// The first of two steps (RFC 9113 section 6.8); ``shutdown(_:)`` follows a round trip later.
    public func announceShutdown() {
        guard self.state.pointee.fault == nil, self.role == .server, !self.state.pointee.isGoingAway
        else { return }
        nghttp2_submit_shutdown_notice(self.state.pointee.framing)
    }

    /// Takes no new streams and lets the open ones end; ``isFinished`` when they have.
    public func shutdown(_ code: HTTP2ErrorCode = .noError) {
        guard self.state.pointee.fault == nil, !self.state.pointee.isGoingAway else { return }
        self.state.pointee.isGoingAway = true
        nghttp2_submit_goaway(
            self.state.pointee.framing,
            UInt8(NGHTTP2_FLAG_NONE.rawValue),
            nghttp2_session_get_last_proc_stream_id(self.state.pointee.framing),
            code.rawValue,
            nil,
            0
        )
    }

    /// Asks the peer for a sign of life, which is ``HTTP2Event/Kind/pong(_:)``.
    public func ping(_ opaque: UInt64) {
        guard self.state.pointee.fault == nil else { return }
        withUnsafeBytes(of: opaque.bigEndian) { bytes in
            _ = nghttp2_submit_ping(
                self.state.pointee.framing,
                UInt8(NGHTTP2_FLAG_NONE.rawValue),
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            )
        }
    }

    /// Ends the connection where the framing layer cannot say so itself.
    func fail(_ fault: HTTP2Fault) {
        // The framing layer has said it already.
        guard self.state.pointee.counters.fault == nil else { return }
        let last = nghttp2_session_get_last_proc_stream_id(self.state.pointee.framing)
        var goaway: [UInt8] = [0, 0, 8, 7, 0, 0, 0, 0, 0]
        for shift in [24, 16, 8, 0] { goaway.append(UInt8(truncatingIfNeeded: last >> shift)) }
        for shift in [24, 16, 8, 0] as [UInt32] {
            goaway.append(UInt8(truncatingIfNeeded: fault.code.rawValue >> shift))
        }
        goaway.withUnsafeBytes { self.state.pointee.outputQueue.append($0) }
        self.end(fault)
    }

    /// Tells the caller that every stream is over.
    private func end(_ fault: HTTP2Fault) {
        self.state.pointee.fault = fault
        self.state.pointee.counters.fault = fault
        for slot in 0..<self.state.pointee.streams.usedSlotCount {
            let stream = self.state.pointee.streams[slot].pointee.id
            if stream > 0 { self.streamClosed(stream, fault.code) }
        }
    }

    /// A frame other than DATA is about to be sent.
    func frameGoes(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
        switch UInt32(frame.pointee.hd.type) {
        case NGHTTP2_GOAWAY.rawValue:
            let code = HTTP2ErrorCode(rawValue: frame.pointee.goaway.error_code)
            if code != .noError, !self.state.pointee.isGoingAway {
                self.state.pointee.faultOfFraming = HTTP2Fault(code: code, cause: .protocol)
            }
            return 0
        case NGHTTP2_RST_STREAM.rawValue:
            return self.resetGoes(
                frame.pointee.hd.stream_id,
                HTTP2ErrorCode(rawValue: frame.pointee.rst_stream.error_code)
            )
        default: return 0
        }
    }

    /// Counts a reset that neither the caller asked for nor receipt has counted.
    private func resetGoes(_ stream: Int32, _ code: HTTP2ErrorCode) -> Int32 {
        if self.role == .server {
            self.state.pointee.pastStreams.noteReset(UInt32(bitPattern: stream))
        }
        if let slot = self.state.pointee.streams.find(stream),
            self.state.pointee.streams[slot].pointee.flags.contains(.isReset)
        {
            return 0
        }
        if self.state.pointee.countedResets > 0 {
            self.state.pointee.countedResets -= 1
            return 0
        }
        guard code != .noError else { return 0 }
        self.state.pointee.counters.resetsForErrors += 1
        guard self.role == .server,
            !self.state.pointee.budgets.resets.take(now: self.state.pointee.now)
        else { return 0 }
        self.state.pointee.fault = HTTP2Fault(code: .enhanceYourCalm, cause: .resets)
        return Int32(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
    }

    /// A frame cannot be sent: a stream that cannot say its head is over.
    func frameFailed(_ frame: UnsafePointer<nghttp2_frame>, _ code: Int32) {
        guard UInt32(frame.pointee.hd.type) == NGHTTP2_HEADERS.rawValue else { return }
        let stream = frame.pointee.hd.stream_id
        let isRefused = code == Int32(NGHTTP2_ERR_START_STREAM_NOT_ALLOWED.rawValue)
        switch self.role {
        case .client where frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST:
            self.streamClosed(stream, isRefused ? .refusedStream : .internalError)
        case .client, .server:
            self.reset(stream, .internalError)
        }
    }

    /// How much content the framing layer may put into its next frame.
    func contentWanted(
        on stream: Int32,
        slot: Int,
        atMost most: Int,
        flags: UnsafeMutablePointer<UInt32>
    ) -> Int {
        let entry = self.state.pointee.streams[slot]
        let available =
            entry.pointee.waiting.count
            + (self.state.pointee.directSlot == slot ? self.state.pointee.direct.count : 0)
        let count = min(available, most)
        flags.pointee = NGHTTP2_DATA_FLAG_NO_COPY.rawValue
        if count == available, entry.pointee.flags.contains(.ends) {
            flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
            if entry.pointee.flags.contains(.hasTrailers), self.submitTrailers(stream, slot) {
                flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
            }
        } else if count == 0 {
            entry.pointee.flags.insert(.isDeferred)
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        return count
    }

    private func submitTrailers(_ stream: Int32, _ slot: Int) -> Bool {
        let lines = self.state.pointee.streams[slot].pointee.trailers.bytes
        self.state.pointee.fields.removeAll()
        let dropping = HeaderKindSet(of: .host, .contentLength, .te, .trailer)
        guard self.state.pointee.fields.append(linesOf: lines, from: 0, dropping: dropping),
            self.state.pointee.fields.count > 0
        else { return false }
        return nghttp2_submit_trailer(
            self.state.pointee.framing,
            stream,
            self.state.pointee.fields.fields,
            self.state.pointee.fields.count
        ) == 0
    }

    /// Writes the frame that ``contentWanted(on:slot:atMost:flags:)`` promised content for.
    func writeContent(header: UnsafeRawBufferPointer, byteCount: Int, slot: Int) -> Int32 {
        let entry = self.state.pointee.streams[slot]
        self.state.pointee.outputQueue.reserve(header.count + byteCount)
        self.state.pointee.outputQueue.append(header)
        let fromWaiting = min(byteCount, entry.pointee.waiting.count)
        if fromWaiting > 0 {
            let bytes = entry.pointee.waiting.bytes
            self.state.pointee.outputQueue.append(
                UnsafeRawBufferPointer(rebasing: bytes[..<fromWaiting])
            )
            entry.pointee.waiting.removeFirst(fromWaiting)
        }
        let rest = byteCount - fromWaiting
        if rest > 0 {
            precondition(
                self.state.pointee.directSlot == slot && rest <= self.state.pointee.direct.count,
                "promised content"
            )
            self.state.pointee.outputQueue.append(
                UnsafeRawBufferPointer(rebasing: self.state.pointee.direct[..<rest])
            )
            self.state.pointee.direct = UnsafeRawBufferPointer(
                rebasing: self.state.pointee.direct[rest...]
            )
        }
        if byteCount > 0 { self.state.pointee.budgets.earnDataSent() }
        if entry.pointee.waiting.isEmpty, entry.pointee.flags.contains(.hasWaited) {
            entry.pointee.flags.remove(.hasWaited)
            entry.pointee.waiting.trim(above: 0)
            self.note(HTTP2Record(kind: .drained, slot: Int32(slot), stream: entry.pointee.id))
        }
        let isFull = self.state.pointee.outputQueue.count >= self.limits.outputByteCount
        return isFull ? Int32(NGHTTP2_ERR_PAUSE.rawValue) : 0
    }
}
