internal import CNghttp2

/// What the mere headers of frames tell, before the framing layer reads them.
extension HTTP2Session {
    private static var protocolFault: HTTP2Fault {
        HTTP2Fault(code: .protocolError, cause: .protocol)
    }

    /// Hands bytes to the framing layer, in pieces where a frame must be judged by what is known
    /// when all before it was read.
    ///
    /// - Returns: Why the connection ends, unless the framing layer says so itself.
    func read(_ bytes: UnsafeRawBufferPointer) -> HTTP2Fault? {
        let octets = OctetView(bytes)
        var at = 0
        var read = 0
        while let header = self.state.pointee.scanner.next(octets, at: &at) {
            if self.needsState(header) {
                // The framing layer acts on a header when it has its last byte.
                if let fault = self.pass(bytes, from: read, to: at - 1) { return fault }
                read = at - 1
                if let fault = self.faultOfState(header) { return fault }
            }
            if let cause = self.exhausted(by: header) {
                return HTTP2Fault(code: .enhanceYourCalm, cause: cause)
            }
        }
        return self.pass(bytes, from: read, to: bytes.count)
    }

    private func pass(
        _ bytes: UnsafeRawBufferPointer,
        from start: Int,
        to end: Int
    ) -> HTTP2Fault? {
        let piece = ByteRange(start: start, count: max(0, end - start)).bytes(of: bytes)
        let address = piece.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let taken = nghttp2_session_mem_recv(self.state.pointee.framing, address, piece.count)
        guard taken < 0 else { return nil }
        return self.state.pointee.fault ?? FramingCallbacks.fault(of: Int32(clamping: taken))
    }

    /// Whether all frames before this one must be read before it is judged.
    private func needsState(_ header: FrameHeader) -> Bool {
        switch UInt32(header.type) {
        case NGHTTP2_DATA.rawValue: return self.role == .server && !self.isOpen(header.stream)
        case NGHTTP2_HEADERS.rawValue:
            return self.role == .server && !self.state.pointee.pastStreams.opens(header.stream)
                && !self.isOpen(header.stream)
        case NGHTTP2_SETTINGS.rawValue: return header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) == 0
        case NGHTTP2_PRIORITY.rawValue: return true
        default: return false
        }
    }

    private func isOpen(_ stream: UInt32) -> Bool {
        guard let slot = self.state.pointee.streams.find(Int32(bitPattern: stream)) else {
            return false
        }
        return !self.state.pointee.streams[slot].pointee.flags.contains(.isClosed)
    }

    /// The error that a frame is on a stream as it now stands.
    private func faultOfState(_ header: FrameHeader) -> HTTP2Fault? {
        switch UInt32(header.type) {
        case NGHTTP2_SETTINGS.rawValue:
            self.state.pointee.queuedBeforeSettings = nghttp2_session_get_outbound_queue_size(
                self.state.pointee.framing
            )
            return nil
        case NGHTTP2_PRIORITY.rawValue:
            // RFC 9113 section 6.3, and section 5.3.1 of RFC 7540 for those that still use it.
            let isWrong = header.stream == 0 || header.dependency == header.stream
            return isWrong ? Self.protocolFault : nil
        default: break
        }
        guard self.state.pointee.pastStreams.isPast(header.stream), !self.isOpen(header.stream),
            nghttp2_session_find_stream(
                self.state.pointee.framing,
                Int32(bitPattern: header.stream)
            ) == nil
        else { return nil }
        // After GOAWAY of ours new streams are ignored with all that is on them.
        guard !self.state.pointee.isGoingAway else { return nil }
        // An error that the framing layer has found before comes first.
        self.makeFrames()
        if let fault = self.state.pointee.fault { return fault }
        let isHead = UInt32(header.type) == NGHTTP2_HEADERS.rawValue
        return self.state.pointee.pastStreams.fault(header.stream, isHead: isHead)
    }

    /// Counts frames that cost us more than their sender; which budget is used up.
    private func exhausted(by header: FrameHeader) -> HTTP2Cause? {
        let acknowledges = header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0
        let now = self.state.pointee.now
        switch UInt32(header.type) {
        case NGHTTP2_DATA.rawValue:
            let ends = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
            let isEmpty = header.length == 0 && !ends
            return isEmpty && !self.state.pointee.budgets.emptyFrames.take(now: now)
                ? .emptyFrames : nil
        case NGHTTP2_PING.rawValue:
            return acknowledges || self.state.pointee.budgets.pings.take(now: now) ? nil : .pings
        case NGHTTP2_SETTINGS.rawValue:
            return acknowledges || self.state.pointee.budgets.settings.take(now: now)
                ? nil : .settings
        case NGHTTP2_PRIORITY.rawValue:
            return self.state.pointee.budgets.priorities.take(now: now) ? nil : .priorities
        case NGHTTP2_WINDOW_UPDATE.rawValue:
            return self.state.pointee.budgets.windowUpdates.take(now: now) ? nil : .windowUpdates
        case NGHTTP2_HEADERS.rawValue, NGHTTP2_RST_STREAM.rawValue, NGHTTP2_GOAWAY.rawValue,
            NGHTTP2_PUSH_PROMISE.rawValue, NGHTTP2_CONTINUATION.rawValue:
            return nil
        default:
            return self.state.pointee.budgets.unknownFrames.take(now: now) ? nil : .unknownFrames
        }
    }
}
