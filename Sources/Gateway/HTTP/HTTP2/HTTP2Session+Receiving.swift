internal import CNghttp2

/// What the frames of the peer mean; called by the framing layer.
extension HTTP2Session {
    /// Tells the framing layer to stop: the connection has failed.
    private static var stop: Int32 { Int32(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
    /// Tells the framing layer that this stream has failed.
    private static var refuse: Int32 { Int32(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue) }

    private func trip(_ cause: HTTP2Cause) -> Int32 {
        self.state.pointee.fault = HTTP2Fault(code: .enhanceYourCalm, cause: cause)
        return Self.stop
    }

    func headBegan(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
        let stream = frame.pointee.hd.stream_id
        let slot = self.state.pointee.streams.find(stream)
        let role: HeadText.Role =
            switch self.role {
            case .server: slot == nil ? .request : .trailers
            case .client:
                self.hasPeerHead(slot) ? .trailers : .response
            }
        self.state.pointee.headText.begin(role, stream: stream, behind: self.state.pointee.texts)
        self.state.pointee.cookies.removeAll()
        return 0
    }

    private func hasPeerHead(_ slot: Int?) -> Bool {
        guard let slot else { return false }
        return self.state.pointee.streams[slot].pointee.flags.contains(.hasPeerHead)
    }

    func fieldArrived(
        _ frame: UnsafePointer<nghttp2_frame>,
        name: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer
    ) -> Int32 {
        do throws(HeadText.Refusal) {
            try self.state.pointee.headText.add(
                name: name,
                value: value,
                into: &self.state.pointee.texts,
                cookies: &self.state.pointee.cookies,
                limits: self.limits
            )
            return 0
        } catch {
            switch error {
            case .flood: return self.trip(.fieldList)
            case .malformed: return self.refuseHead(frame.pointee.hd.stream_id)
            }
        }
    }

    /// Refuses a field that the framing layer would leave out; it reports the head as invalid then.
    func invalidFieldArrived() -> Int32 {
        self.state.pointee.counters.headsMalformed += 1
        return Self.refuse
    }

    /// Refuses a malformed head as RFC 9113 section 8.1.1 says.
    private func refuseHead(_ stream: Int32) -> Int32 {
        self.state.pointee.counters.headsMalformed += 1
        self.state.pointee.pastStreams.noteReset(UInt32(bitPattern: stream))
        nghttp2_submit_rst_stream(
            self.state.pointee.framing,
            UInt8(NGHTTP2_FLAG_NONE.rawValue),
            stream,
            HTTP2ErrorCode.protocolError.rawValue
        )
        self.state.pointee.headText.close()
        return self.countReset() ? Self.refuse : self.trip(.resets)
    }

    /// Counts a reset for an error of the peer, whose frame is still to be sent.
    private func countReset() -> Bool {
        self.state.pointee.countedResets += 1
        self.state.pointee.counters.resetsForErrors += 1
        return self.role == .client
            || self.state.pointee.budgets.resets.take(now: self.state.pointee.now)
    }

    func frameArrived(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
        let header = frame.pointee.hd
        let ends = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue: return self.headArrived(frame, endsStream: ends)
        case NGHTTP2_DATA.rawValue:
            if header.length > 0, frame.pointee.data.padlen >= header.length, !ends {
                guard self.state.pointee.budgets.emptyFrames.take(now: self.state.pointee.now)
                else {
                    return self.trip(.emptyFrames)
                }
            }
            if ends { self.peerEnded(header.stream_id) }
        case NGHTTP2_RST_STREAM.rawValue: return self.resetArrived(header.stream_id)
        case NGHTTP2_SETTINGS.rawValue:
            let acknowledges = header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0
            self.note(HTTP2Record(kind: acknowledges ? .settingsAcknowledged : .settings))
            return acknowledges ? 0 : self.settingsApplied()
        case NGHTTP2_GOAWAY.rawValue: self.goawayArrived(frame.pointee.goaway)
        case NGHTTP2_PING.rawValue where header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0:
            var record = HTTP2Record(kind: .pong)
            var ping = frame.pointee.ping
            withUnsafeBytes(of: &ping.opaque_data) { opaque in
                record.start = UInt(UInt64(bigEndian: opaque.loadUnaligned(as: UInt64.self)))
            }
            self.note(record)
        default: break
        }
        return 0
    }

    /// Ends the connection when a new initial window took one of a stream above the maximum.
    ///
    /// RFC 9113 section 6.9.2; the framing layer resets the streams, which shows in its queue: all
    /// else that SETTINGS lead to is one acknowledgement.
    private func settingsApplied() -> Int32 {
        let queued = nghttp2_session_get_outbound_queue_size(self.state.pointee.framing)
        guard queued > self.state.pointee.queuedBeforeSettings + 1 else { return 0 }
        self.state.pointee.fault = HTTP2Fault(code: .flowControlError, cause: .protocol)
        return Self.stop
    }

    private func headArrived(
        _ frame: UnsafePointer<nghttp2_frame>,
        endsStream: Bool
    ) -> Int32 {
        let stream = frame.pointee.hd.stream_id
        let known = self.state.pointee.streams.find(stream)
        self.state.pointee.keySeed &+= 1
        do throws(HeadText.Refusal) {
            try self.state.pointee.headText.finish(
                endsStream: endsStream,
                hasContent: self.allowsContent(known),
                key: self.state.pointee.keySeed,
                into: &self.state.pointee.texts,
                cookies: &self.state.pointee.cookies
            )
        } catch {
            _ = self.refuseHead(stream)
            return self.state.pointee.fault == nil ? 0 : Self.stop
        }
        if self.state.pointee.headText.fault != nil {
            self.state.pointee.counters.headsTooLarge += 1
        }
        let slot = known ?? self.state.pointee.streams.add(stream)
        self.noteHead(stream, slot, endsStream: endsStream)
        self.state.pointee.headText.close()
        if endsStream { self.peerEnded(stream) }
        return 0
    }

    private func allowsContent(_ slot: Int?) -> Bool {
        guard self.state.pointee.headText.role == .response else { return true }
        let status = self.state.pointee.headText.status
        if status < 200 || status == 204 || status == 304 { return false }
        guard let slot else { return true }
        return !self.state.pointee.streams[slot].pointee.flags.contains(.isHead)
    }

    private func noteHead(_ stream: Int32, _ slot: Int, endsStream: Bool) {
        let text = self.state.pointee.headText
        let entry = self.state.pointee.streams[slot]
        guard !entry.pointee.flags.contains(.isReset) else { return }
        var record = HTTP2Record(kind: text.role == .trailers ? .trailers : .head)
        record.slot = Int32(slot)
        record.stream = stream
        record.start = UInt(text.start)
        record.count = self.state.pointee.texts.count - text.start
        record.fault = text.fault
        if endsStream { record.flags.insert(.endsStream) }
        if text.isSecure { record.flags.insert(.isSecure) }
        if text.isExtendedConnect { record.flags.insert(.isExtendedConnect) }
        switch text.role {
        case .request:
            self.state.pointee.counters.streams += 1
            self.state.pointee.budgets.earnStream()
            if text.isHead { entry.pointee.flags.insert(.isHead) }
            if text.isExtendedConnect { entry.pointee.flags.insert(.isExtendedConnect) }
        case .response where text.status >= 200: entry.pointee.flags.insert(.hasPeerHead)
        case .response, .trailers: break
        }
        // Trailers too large to keep are left out, which RFC 9110 section 6.5.1 allows.
        if text.role == .trailers, text.fault != nil { return }
        self.note(record)
    }

    private func peerEnded(_ stream: Int32) {
        guard let slot = self.state.pointee.streams.find(stream),
            !self.state.pointee.streams[slot].pointee.flags.contains(.isReset)
        else { return }
        self.note(HTTP2Record(kind: .end, slot: Int32(slot), stream: stream))
    }

    private func resetArrived(_ stream: Int32) -> Int32 {
        self.state.pointee.counters.resetsReceived += 1
        if let slot = self.state.pointee.streams.find(stream) {
            self.state.pointee.streams[slot].pointee.flags.insert(.wasResetByPeer)
        }
        guard self.role == .server else { return 0 }
        return self.state.pointee.budgets.resets.take(now: self.state.pointee.now)
            ? 0 : self.trip(.resets)
    }

    private func goawayArrived(_ goaway: nghttp2_goaway) {
        self.state.pointee.peerGoesAway = true
        var record = HTTP2Record(kind: .goaway)
        record.count = Int(goaway.last_stream_id)
        record.code = HTTP2ErrorCode(rawValue: goaway.error_code)
        self.note(record)
    }

    /// Counts what the framing layer refuses by itself.
    func invalidFrameArrived(_ frame: UnsafePointer<nghttp2_frame>, _ code: Int32) -> Int32 {
        let header = frame.pointee.hd
        guard UInt32(header.type) == NGHTTP2_HEADERS.rawValue else { return 0 }
        self.state.pointee.headText.close()
        self.state.pointee.pastStreams.noteReset(UInt32(bitPattern: header.stream_id))
        if code == Int32(NGHTTP2_ERR_REFUSED_STREAM.rawValue) {
            self.state.pointee.counters.streamsRefused += 1
            self.state.pointee.countedResets += 1
            return 0
        }
        return self.countReset() ? 0 : self.trip(.resets)
    }

    func contentArrived(_ bytes: UnsafeRawBufferPointer, on stream: Int32) -> Int32 {
        nghttp2_session_consume_connection(self.state.pointee.framing, bytes.count)
        guard bytes.count > 0 else { return 0 }
        self.state.pointee.budgets.earnDataReceived()
        guard let slot = self.state.pointee.streams.find(stream),
            !self.state.pointee.streams[slot].pointee.flags.contains(.isReset)
        else { return 0 }
        var record = HTTP2Record(kind: .data, slot: Int32(slot), stream: stream)
        record.start = UInt(bitPattern: bytes.baseAddress)
        record.count = bytes.count
        self.note(record)
        return 0
    }

    /// The framing layer forgot a stream; the caller is told once.
    func streamClosed(_ stream: Int32, _ code: HTTP2ErrorCode) {
        guard let slot = self.state.pointee.streams.find(stream) else { return }
        let entry = self.state.pointee.streams[slot]
        guard !entry.pointee.flags.contains(.isClosed) else { return }
        entry.pointee.flags.insert(.isClosed)
        entry.pointee.waiting.release()
        entry.pointee.trailers.release()
        var record = HTTP2Record(kind: .closed, slot: Int32(slot), stream: stream, code: code)
        if let own = entry.pointee.resetCode { record.code = own }
        if entry.pointee.flags.contains(.wasResetByPeer) { record.flags.insert(.byPeer) }
        self.note(record)
    }
}
