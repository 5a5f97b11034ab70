internal import CNghttp2

/// Where the framing layer calls in: each entry finds the session and hands on plain values.
enum FramingCallbacks {
    /// One table for all sessions; never changed after it was made.
    private nonisolated(unsafe) static let table: OpaquePointer? = Self.makeTable()

    /// Creates the framing layer of a session.
    static func open(_ session: HTTP2Session) -> Bool {
        var options: OpaquePointer?
        guard let table = Self.table, nghttp2_option_new(&options) == 0 else { return false }
        defer { nghttp2_option_del(options) }
        let limits = session.limits
        nghttp2_option_set_no_auto_window_update(options, 1)
        nghttp2_option_set_no_closed_streams(options, 1)
        nghttp2_option_set_max_outbound_ack(options, max(1, limits.acknowledgements))
        nghttp2_option_set_max_continuations(options, max(1, limits.continuations))
        // Ours is the budget of resets; that of the framing layer reads a clock.
        nghttp2_option_set_stream_reset_rate_limit(options, UInt64.max, UInt64.max)
        let user = Unmanaged.passUnretained(session).toOpaque()
        guard var memory = session.spares?.allocator else {
            return Self.open(
                &session.state.pointee.framing,
                session.role,
                table,
                user,
                options,
                nil
            )
        }
        return Self.open(
            &session.state.pointee.framing,
            session.role,
            table,
            user,
            options,
            &memory
        )
    }

    private static func open(
        _ framing: inout OpaquePointer?,
        _ role: HTTP2Session.Role,
        _ table: OpaquePointer,
        _ user: UnsafeMutableRawPointer,
        _ options: OpaquePointer?,
        _ memory: UnsafeMutablePointer<nghttp2_mem>?
    ) -> Bool {
        switch role {
        case .server: nghttp2_session_server_new3(&framing, table, user, options, memory) == 0
        case .client: nghttp2_session_client_new3(&framing, table, user, options, memory) == 0
        }
    }

    /// What a fatal return of the framing layer means.
    static func fault(of code: Int32) -> HTTP2Fault {
        switch code {
        case Int32(NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue):
            HTTP2Fault(code: .protocolError, cause: .preface)
        case Int32(NGHTTP2_ERR_FLOODED.rawValue):
            HTTP2Fault(code: .enhanceYourCalm, cause: .queuedFrames)
        case Int32(NGHTTP2_ERR_NOMEM.rawValue):
            HTTP2Fault(code: .internalError, cause: .ourselves)
        case Int32(NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue):
            HTTP2Fault(code: .enhanceYourCalm, cause: .continuations)
        default: HTTP2Fault(code: .protocolError, cause: .protocol)
        }
    }

    private static func makeTable() -> OpaquePointer? {
        var table: OpaquePointer?
        guard nghttp2_session_callbacks_new(&table) == 0 else { return nil }
        Self.setReceiving(table)
        Self.setSending(table)
        return table
    }

    /// Lets `body` see the session without counting a reference, of which its caller holds one.
    @inline(__always)
    private static func session<Result>(
        _ user: UnsafeMutableRawPointer?,
        _ body: (HTTP2Session) -> Result
    ) -> Result {
        guard let user else { preconditionFailure("a session is its callbacks' user") }
        return Unmanaged<HTTP2Session>.fromOpaque(user)._withUnsafeGuaranteedRef(body)
    }

    private static func bytes(
        _ address: UnsafePointer<UInt8>?,
        _ count: Int
    ) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: address, count: count)
    }

    private static func setReceiving(_ table: OpaquePointer?) {
        nghttp2_session_callbacks_set_on_begin_headers_callback(table) { _, frame, user in
            guard let frame else { return 0 }
            return Self.session(user) { $0.headBegan(frame) }
        }
        nghttp2_session_callbacks_set_on_header_callback(table) {
            _,
            frame,
            name,
            nameCount,
            value,
            valueCount,
            _,
            user in
            guard let frame else { return 0 }
            return Self.session(user) {
                $0.fieldArrived(
                    frame,
                    name: Self.bytes(name, nameCount),
                    value: Self.bytes(value, valueCount)
                )
            }
        }
        nghttp2_session_callbacks_set_on_invalid_header_callback(table) {
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            user in
            Self.session(user) { $0.invalidFieldArrived() }
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(table) { _, frame, user in
            guard let frame else { return 0 }
            return Self.session(user) { $0.frameArrived(frame) }
        }
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(table) {
            _,
            frame,
            code,
            user in
            guard let frame else { return 0 }
            return Self.session(user) { $0.invalidFrameArrived(frame, code) }
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table) {
            _,
            _,
            stream,
            address,
            count,
            user in
            Self.session(user) { $0.contentArrived(Self.bytes(address, count), on: stream) }
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(table) { _, stream, code, user in
            Self.session(user) { $0.streamClosed(stream, HTTP2ErrorCode(rawValue: code)) }
            return 0
        }
    }

    private static func setSending(_ table: OpaquePointer?) {
        nghttp2_session_callbacks_set_before_frame_send_callback(table) { _, frame, user in
            guard let frame else { return 0 }
            return Self.session(user) { $0.frameGoes(frame) }
        }
        nghttp2_session_callbacks_set_on_frame_not_send_callback(table) { _, frame, code, user in
            guard let frame else { return 0 }
            Self.session(user) { $0.frameFailed(frame, code) }
            return 0
        }
        nghttp2_session_callbacks_set_send_data_callback(table) {
            _,
            _,
            header,
            count,
            source,
            user in
            guard let source else { return 0 }
            return Self.session(user) {
                $0.writeContent(
                    header: Self.bytes(header, 9),
                    byteCount: count,
                    slot: Int(source.pointee.fd)
                )
            }
        }
    }

    /// Where the framing layer asks for content of a slot.
    static func provider(slot: Int) -> nghttp2_data_provider {
        var provider = nghttp2_data_provider()
        provider.source.fd = Int32(slot)
        provider.read_callback = { _, stream, _, count, flags, source, user in
            guard let source, let flags else { return 0 }
            return Self.session(user) {
                $0.contentWanted(
                    on: stream,
                    slot: Int(source.pointee.fd),
                    atMost: count,
                    flags: flags
                )
            }
        }
        return provider
    }
}
