internal import CNghttp2

extension HTTP2Session {
    private static var none: UInt8 { UInt8(NGHTTP2_FLAG_NONE.rawValue) }

    /// The slot of a stream that the caller may still send on.
    private func open(_ stream: Int32) -> Int? {
        guard self.state.pointee.fault == nil, let slot = self.state.pointee.streams.find(stream)
        else { return nil }
        let flags = self.state.pointee.streams[slot].pointee.flags
        return flags.isDisjoint(with: [.isClosed, .isReset, .ends]) ? slot : nil
    }

    /// Answers a request.
    ///
    /// Fields of an HTTP/1 connection are left out, and those that its `Connection` names must have
    /// been. A 1xx head is an interim response; a 101 to an extended CONNECT becomes 200.
    ///
    /// - Parameters:
    ///   - stream: The request's stream.
    ///   - head: A whole HTTP/1 response head with its status line; copied.
    ///   - endsStream: Whether neither content nor trailers follow.
    /// - Returns: `false` if the stream is over, was answered already, or the head is no head.
    public func submitResponse(
        on stream: Int32,
        head: UnsafeRawBufferPointer,
        endsStream: Bool
    ) -> Bool {
        guard let slot = self.open(stream) else { return false }
        let entry = self.state.pointee.streams[slot]
        let octets = OctetView(head)
        let digits = ByteRange(start: ResponseHead.statusOffset, count: 3)
        guard !entry.pointee.flags.contains(.hasHead), octets.count > digits.end + 1,
            let status = octets.decimal(digits), (100...999).contains(status)
        else { return false }
        let isHandshake = status == 101 && entry.pointee.flags.contains(.isExtendedConnect)
        guard status != 101 || isHandshake else { return false }
        self.state.pointee.fields.removeAll()
        if isHandshake {
            self.state.pointee.fields.append(":status", "200")
        } else {
            self.state.pointee.fields.append(":status", digits.bytes(of: head))
        }
        let lineEnd = octets.firstIndex(of: Octet.lineFeed, from: digits.end, to: octets.count)
        guard
            self.state.pointee.fields.append(
                linesOf: head,
                from: min(lineEnd + 1, octets.count),
                dropping: isHandshake ? HeaderKindSet(.contentLength) : [],
                isHandshake: isHandshake
            )
        else { return false }
        if status < 200, !isHandshake { return self.submitInterim(stream) }
        return self.submitFinal(stream, slot, endsStream: endsStream && !isHandshake)
    }

    private func submitInterim(_ stream: Int32) -> Bool {
        nghttp2_submit_headers(
            self.state.pointee.framing,
            Self.none,
            stream,
            nil,
            self.state.pointee.fields.fields,
            self.state.pointee.fields.count,
            nil
        ) == 0
    }

    private func submitFinal(_ stream: Int32, _ slot: Int, endsStream: Bool) -> Bool {
        let entry = self.state.pointee.streams[slot]
        var result: Int32
        if endsStream {
            result = nghttp2_submit_response(
                self.state.pointee.framing,
                stream,
                self.state.pointee.fields.fields,
                self.state.pointee.fields.count,
                nil
            )
        } else {
            var provider = FramingCallbacks.provider(slot: slot)
            result = nghttp2_submit_response(
                self.state.pointee.framing,
                stream,
                self.state.pointee.fields.fields,
                self.state.pointee.fields.count,
                &provider
            )
        }
        guard result == 0 else { return false }
        entry.pointee.flags.insert(endsStream ? [.hasHead, .ends] : .hasHead)
        return true
    }

    /// Whether a request may be submitted now: neither end goes away and the peer has room.
    public var canSubmit: Bool {
        guard self.role == .client, self.state.pointee.fault == nil,
            !self.state.pointee.isGoingAway, !self.state.pointee.peerGoesAway,
            nghttp2_session_check_request_allowed(self.state.pointee.framing) != 0
        else { return false }
        let most = nghttp2_session_get_remote_settings(
            self.state.pointee.framing,
            NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS
        )
        return self.state.pointee.streams.count < Int(most)
    }

    /// How many streams are open, or over with their last event unread.
    public var openStreams: Int { self.state.pointee.streams.count }

    /// Makes a request.
    ///
    /// - Parameters:
    ///   - head: A whole HTTP/1 request head whose target is a path or `*`; copied.
    ///   - isSecure: Whether `:scheme` is `https`.
    ///   - endsStream: Whether neither content nor trailers follow.
    ///   - tag: What events of the stream carry.
    /// - Returns: The stream; nil if ``canSubmit`` is false or the head is no such head.
    public func submitRequest(
        head: UnsafeRawBufferPointer,
        isSecure: Bool,
        endsStream: Bool,
        tag: Int32 = -1
    ) -> Int32? {
        guard self.canSubmit, let isHead = self.readRequest(head, isSecure: isSecure) else {
            return nil
        }
        let next = nghttp2_session_get_next_stream_id(self.state.pointee.framing)
        guard let stream = Int32(exactly: next), stream > 0 else { return nil }
        let slot = self.state.pointee.streams.add(stream)
        let entry = self.state.pointee.streams[slot]
        entry.pointee.tag = tag
        entry.pointee.flags = endsStream ? [.hasHead, .ends] : .hasHead
        if isHead { entry.pointee.flags.insert(.isHead) }
        var provider = FramingCallbacks.provider(slot: slot)
        let result = withUnsafePointer(to: &provider) { provider in
            nghttp2_submit_request(
                self.state.pointee.framing,
                nil,
                self.state.pointee.fields.fields,
                self.state.pointee.fields.count,
                endsStream ? nil : provider,
                nil
            )
        }
        guard result == stream else {
            self.state.pointee.streams.remove(slot: slot)
            return nil
        }
        self.state.pointee.counters.streams += 1
        self.state.pointee.budgets.earnStream()
        return stream
    }

    /// Fills the field list; whether the method is HEAD.
    private func readRequest(_ head: UnsafeRawBufferPointer, isSecure: Bool) -> Bool? {
        let octets = OctetView(head)
        let lineEnd = octets.firstIndex(
            of: Octet.carriageReturn,
            from: 0,
            to: octets.count
        )
        let methodEnd = octets.firstIndex(of: Octet.space, from: 0, to: lineEnd)
        guard methodEnd > 0, methodEnd < lineEnd else { return nil }
        let method = ByteRange(start: 0, count: methodEnd)
        let targetEnd = octets.firstIndex(of: Octet.space, from: methodEnd + 1, to: lineEnd)
        let target = ByteRange(start: methodEnd + 1, count: targetEnd - methodEnd - 1)
        guard targetEnd < lineEnd, target.count > 0,
            octets[target.start] == Octet.slash || octets.equals(target, "*")
        else { return nil }
        let start = min(lineEnd + 2, octets.count)
        self.state.pointee.fields.removeAll()
        self.state.pointee.fields.append(":method", method.bytes(of: head))
        self.state.pointee.fields.append(":scheme", isSecure ? "https" : "http")
        self.state.pointee.fields.append(":path", target.bytes(of: head))
        guard let host = FieldList.value(of: .host, in: octets, from: start) else { return nil }
        self.state.pointee.fields.append(":authority", host.bytes(of: head))
        guard
            self.state.pointee.fields.append(
                linesOf: head,
                from: start,
                dropping: HeaderKindSet(.host)
            )
        else {
            return nil
        }
        return HTTPMethod.of(method, in: octets) == .head
    }

    /// Sends content behind a final head that was submitted.
    ///
    /// What the peer's window and the room for frames allow is made into frames at once; the rest
    /// is copied and waits. While ``waiting(on:)`` is above 0 the caller should bring no more, and
    /// go on at ``HTTP2Event/Kind/drained``.
    ///
    /// - Returns: `false` if the stream takes no content, or if more than
    ///   ``HTTP2Limits/waitingByteCount`` waits already; nothing of `bytes` was taken then.
    public func send(
        _ bytes: UnsafeRawBufferPointer,
        on stream: Int32,
        endsStream: Bool
    ) -> Bool {
        guard let slot = self.open(stream),
            self.state.pointee.streams[slot].pointee.flags.contains(.hasHead),
            self.state.pointee.streams[slot].pointee.waiting.count <= self.limits.waitingByteCount
        else { return false }
        if endsStream { self.state.pointee.streams[slot].pointee.flags.insert(.ends) }
        if bytes.isEmpty && !endsStream { return true }
        self.state.pointee.direct = bytes
        self.state.pointee.directSlot = slot
        self.resume(stream, slot)
        self.makeFrames()
        let rest = self.state.pointee.direct
        self.state.pointee.directSlot = -1
        self.state.pointee.direct = UnsafeRawBufferPointer(start: nil, count: 0)
        let entry = self.state.pointee.streams[slot]
        guard !rest.isEmpty, !entry.pointee.flags.contains(.isClosed) else { return true }
        entry.pointee.waiting.append(rest)
        entry.pointee.flags.insert(.hasWaited)
        return true
    }

    /// Sends trailers behind the content and ends the stream.
    ///
    /// - Parameters:
    ///   - lines: Lines `name: value CRLF`; framing fields are left out; copied.
    ///   - stream: A stream whose final head was submitted.
    /// - Returns: `false` if the stream takes none.
    public func sendTrailers(_ lines: UnsafeRawBufferPointer, on stream: Int32) -> Bool {
        guard let slot = self.open(stream) else { return false }
        let entry = self.state.pointee.streams[slot]
        guard entry.pointee.flags.contains(.hasHead) else { return false }
        entry.pointee.trailers.append(lines)
        entry.pointee.flags.insert([.ends, .hasTrailers])
        self.resume(stream, slot)
        return true
    }

    /// How many bytes wait for the peer's window or for room in the output.
    public func waiting(on stream: Int32) -> Int {
        guard let slot = self.state.pointee.streams.find(stream) else { return 0 }
        return self.state.pointee.streams[slot].pointee.waiting.count
    }

    /// Gives a stream up.
    ///
    /// Nothing more of it is reported but its end.
    public func reset(_ stream: Int32, _ code: HTTP2ErrorCode) {
        guard self.state.pointee.fault == nil, let slot = self.state.pointee.streams.find(stream)
        else { return }
        let entry = self.state.pointee.streams[slot]
        guard entry.pointee.flags.isDisjoint(with: [.isClosed, .isReset]) else { return }
        entry.pointee.flags.insert(.isReset)
        entry.pointee.resetCode = code
        entry.pointee.waiting.release()
        nghttp2_submit_rst_stream(self.state.pointee.framing, Self.none, stream, code.rawValue)
    }

    /// Lets the peer send so much more on a stream, since its content went on.
    public func consume(_ byteCount: Int, on stream: Int32) {
        guard self.state.pointee.fault == nil, byteCount > 0 else { return }
        nghttp2_session_consume_stream(self.state.pointee.framing, stream, byteCount)
    }

    /// Sets what events of the stream carry from now on.
    public func setTag(_ tag: Int32, on stream: Int32) {
        guard let slot = self.state.pointee.streams.find(stream) else { return }
        self.state.pointee.streams[slot].pointee.tag = tag
    }

    /// What ``setTag(_:on:)`` set; -1 before, and once the stream is over.
    public func tag(of stream: Int32) -> Int32 {
        guard let slot = self.state.pointee.streams.find(stream) else { return -1 }
        return self.state.pointee.streams[slot].pointee.tag
    }

    private func resume(_ stream: Int32, _ slot: Int) {
        let entry = self.state.pointee.streams[slot]
        guard entry.pointee.flags.contains(.isDeferred) else { return }
        entry.pointee.flags.remove(.isDeferred)
        nghttp2_session_resume_data(self.state.pointee.framing, stream)
    }
}
