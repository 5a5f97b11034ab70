internal import CNghttp2

/// One HTTP/2 connection, server's or client's end, without its socket (RFC 9113).
///
///     bytes of the peer --receive--> events --nextEvent--> caller
///     caller --submit…, send, reset--> frames --output, dropOutput--> bytes for the peer
///
/// Heads are exchanged as HTTP/1 text, content as plain bytes. The framing layer is nghttp2, whose
/// memory is bounded by ``HTTP2Limits``. Not for use from two threads.
///
/// After every call the caller reads ``nextEvent()`` until it is nil and sends ``output`` if
/// ``wantsWrite``. Heads, content and trailers that were not read are lost at the next
/// ``receive(_:now:)``; all other events are kept.
public final class HTTP2Session {
    /// Which end we are.
    public enum Role: Sendable {
        /// Requests come from the peer.
        case server
        /// We make the requests.
        case client
    }

    /// Which end we are.
    public let role: Role
    let limits: HTTP2Limits
    /// Apart from the object, since the framing layer calls back amid our calls of it: the run time
    /// would check every access of a property for conflicts, a quarter of the cost of a request.
    let state: UnsafeMutablePointer<HTTP2State>

    /// What happened since the connection began.
    public var counters: HTTP2Counters { self.state.pointee.counters }
    /// The error that ended the connection; its GOAWAY is in the output.
    public var fault: HTTP2Fault? { self.state.pointee.fault }

    /// Creates one end, whose SETTINGS are in the output at once; nil when memory has run out.
    ///
    /// - Parameters:
    ///   - role: Which end.
    ///   - limits: What the peer may cost.
    ///   - seed: What the keys of WebSocket handshakes are made of; any number.
    public init?(role: Role, limits: HTTP2Limits = HTTP2Limits(), seed: UInt64 = 0) {
        self.role = role
        self.limits = limits
        self.state = .allocate(capacity: 1)
        self.state.initialize(to: HTTP2State(role: role, limits: limits, seed: seed))
        guard FramingCallbacks.open(self), self.submitSettings() else { return nil }
    }

    deinit {
        nghttp2_session_del(self.state.pointee.framing)
        self.state.pointee.streams.release()
        self.state.pointee.outputQueue.release()
        self.state.pointee.texts.release()
        self.state.pointee.cookies.release()
        self.state.pointee.fields.release()
        self.state.deinitialize(count: 1)
        self.state.deallocate()
    }

    private func submitSettings() -> Bool {
        var settings = [
            Self.setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, self.limits.streamWindowByteCount),
            Self.setting(
                NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
                UInt32(clamping: self.limits.fieldListByteCount)
            ),
        ]
        switch self.role {
        case .server:
            settings += [
                Self.setting(
                    NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                    self.limits.concurrentStreams
                ),
                Self.setting(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1),
                Self.setting(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
            ]
        case .client:
            settings.append(Self.setting(NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
        }
        let flags = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        guard
            nghttp2_submit_settings(self.state.pointee.framing, flags, settings, settings.count)
                == 0
        else {
            return false
        }
        return nghttp2_session_set_local_window_size(
            self.state.pointee.framing,
            flags,
            0,
            Int32(clamping: self.limits.connectionWindowByteCount)
        ) == 0
    }

    private static func setting(
        _ identifier: nghttp2_settings_id,
        _ value: UInt32
    ) -> nghttp2_settings_entry {
        nghttp2_settings_entry(settings_id: Int32(identifier.rawValue), value: value)
    }

    /// Feeds bytes from the peer; events are read with ``nextEvent()``.
    ///
    /// - Parameters:
    ///   - bytes: What was received, cut anywhere; must stay in place until the events are read.
    ///   - now: Milliseconds of a clock that never goes back.
    /// - Returns: nil to go on, else why the connection ends once the output is sent.
    public func receive(_ bytes: UnsafeRawBufferPointer, now: UInt64) -> HTTP2Fault? {
        if let fault = self.state.pointee.fault { return fault }
        self.state.pointee.now = now
        self.forgetBorrowed()
        if let fault = self.read(bytes) {
            self.fail(fault)
        } else {
            self.makeFrames()
            let queued = nghttp2_session_get_outbound_queue_size(self.state.pointee.framing)
            if queued > self.limits.queuedFrames + self.state.pointee.streams.count {
                self.fail(HTTP2Fault(code: .enhanceYourCalm, cause: .queuedFrames))
            }
        }
        return self.state.pointee.fault
    }

    /// Whether ``nextEvent()`` has something to say.
    public var hasEvents: Bool {
        self.state.pointee.nextRecord < self.state.pointee.records.count
    }

    /// The next thing the peer did; nil when there is no more for now.
    public func nextEvent() -> HTTP2Event? {
        guard self.state.pointee.nextRecord < self.state.pointee.records.count else {
            self.state.pointee.records.removeAll(keepingCapacity: true)
            self.state.pointee.nextRecord = 0
            return nil
        }
        let record = self.state.pointee.records[self.state.pointee.nextRecord]
        self.state.pointee.nextRecord += 1
        var tag: Int32 = -1
        if record.slot >= 0 { tag = self.state.pointee.streams[Int(record.slot)].pointee.tag }
        if record.kind == .closed { self.state.pointee.streams.remove(slot: Int(record.slot)) }
        return HTTP2Event(stream: record.stream, tag: tag, kind: self.kind(of: record))
    }

    private func kind(of record: HTTP2Record) -> HTTP2Event.Kind {
        switch record.kind {
        case .head:
            .head(
                HTTP2Head(
                    text: self.text(of: record),
                    endsStream: record.flags.contains(.endsStream),
                    isExtendedConnect: record.flags.contains(.isExtendedConnect),
                    isSecure: record.flags.contains(.isSecure),
                    fault: record.fault
                )
            )
        case .data:
            .data(
                UnsafeRawBufferPointer(
                    start: UnsafeRawPointer(bitPattern: record.start),
                    count: record.count
                )
            )
        case .trailers: .trailers(self.text(of: record))
        case .end: .end
        case .drained: .drained
        case .closed: .closed(record.code, byPeer: record.flags.contains(.byPeer))
        case .goaway: .goaway(lastStream: Int32(record.count), record.code)
        case .settings: .settings
        case .settingsAcknowledged: .settingsAcknowledged
        case .pong: .pong(UInt64(record.start))
        }
    }

    private func text(of record: HTTP2Record) -> UnsafeRawBufferPointer {
        ByteRange(start: Int(record.start), count: record.count).bytes(
            of: self.state.pointee.texts.bytes
        )
    }

    func note(_ record: HTTP2Record) { self.state.pointee.records.append(record) }

    /// Drops what speaks of memory that is about to be used again.
    private func forgetBorrowed() {
        if self.state.pointee.nextRecord < self.state.pointee.records.count {
            let next = self.state.pointee.nextRecord
            self.state.pointee.records.removeSubrange(..<next)
            self.state.pointee.records.removeAll { $0.isBorrowing }
        } else {
            self.state.pointee.records.removeAll(keepingCapacity: true)
        }
        self.state.pointee.nextRecord = 0
        // A head under construction lies at the start of the texts and stays there.
        if self.state.pointee.headText.isOpen {
            self.state.pointee.texts.removeFirst(self.state.pointee.headText.rebase())
        } else {
            self.state.pointee.texts.removeAll()
            self.state.pointee.texts.trim(above: 8_192)
            self.state.pointee.cookies.trim(above: 1_024)
        }
    }
}
