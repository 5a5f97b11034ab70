internal import COpenSSL

/// TLS of one connection: a trivial handle that fits a slab, freed explicitly.
///
/// Reads receive from the descriptor, which must not block; writes gather records in the
/// ``TLSOutput``, from where the caller sends them. Used by one thread. The life of a session:
///
///     server/client -> handshake* -> (read | write)* -> close -> free
///
/// After every call the output may hold bytes to send, alerts included.
public struct TLSSession {
    /// How far the handshake has come.
    public enum Handshake: Equatable, Sendable {
        /// Bytes can be written, and ``TLSSession/read(into:limit:)`` must be tried at once: some
        /// may have come along.
        case done
        /// Call again after the next edge.
        case wantsInput
        /// Send what is in the output, which may be an alert, and close.
        case failed(TLSFailure)
    }

    /// What a read has brought.
    public enum Reading: Equatable, Sendable {
        /// This many bytes of plaintext; ``TLSSession/hasUnread`` tells whether to read on now.
        case bytes(Int)
        /// Nothing before the next edge.
        case drained
        /// The peer has said that nothing follows (close_notify); writing is still allowed.
        case ended
        /// TCP ended without close_notify: what came may be cut short (RFC 8446 section 6.1).
        case truncated
        /// The session is of no use any more.
        case broken(TLSFailure)
    }

    /// What the reactor saw at the socket.
    public enum Edge: Sendable {
        /// Bytes, or room for bytes.
        case readable
        /// The peer's FIN or an error, perhaps behind bytes.
        case end
    }

    let state: UnsafeMutablePointer<SessionState>

    /// Takes the server's side of a connection; nil when OpenSSL has no memory.
    public static func server(
        _ context: TLSServerContext,
        descriptor: Int32,
        output: TLSOutput
    ) -> TLSSession? {
        guard let ssl = SSL_new(context.pointer),
            let session = TLSSession(ssl, context: context, descriptor: descriptor, output: output)
        else { return nil }
        SSL_set_accept_state(ssl)
        return session
    }

    /// Takes the client's side of a connection.
    ///
    /// - Parameters:
    ///   - context: what to trust and to show.
    ///   - descriptor: a connected or connecting socket.
    ///   - serverName: host name, sent (SNI) and verified; an address in text is verified but not
    ///     sent; empty: neither.
    ///   - output: the thread's.
    /// - Returns: nil when OpenSSL has no memory or refuses the name.
    public static func client(
        _ context: TLSClientContext,
        descriptor: Int32,
        serverName: UnsafeRawBufferPointer,
        output: TLSOutput
    ) -> TLSSession? {
        guard let ssl = SSL_new(context.pointer),
            let session = TLSSession(ssl, context: context, descriptor: descriptor, output: output)
        else { return nil }
        SSL_set_connect_state(ssl)
        guard serverName.isEmpty || session.expect(serverName, isVerified: context.isVerifying)
        else {
            session.free()
            return nil
        }
        return session
    }

    private init?(
        _ ssl: OpaquePointer,
        context: AnyObject,
        descriptor: Int32,
        output: TLSOutput
    ) {
        guard let bio = BIO_new(SocketBIO.method) else {
            SSL_free(ssl)
            ERR_clear_error()
            return nil
        }
        self.state = .allocate(capacity: 1)
        self.state.initialize(
            to: SessionState(
                ssl: ssl,
                descriptor: descriptor,
                output: output.gathered,
                context: Unmanaged.passRetained(context)
            )
        )
        BIO_set_data(bio, self.state)
        SSL_set_bio(ssl, bio, bio)
        SSL_set_ex_data(ssl, 0, self.state)
    }

    /// Tells the session of an edge: only then does it look at the socket again.
    ///
    /// A new session looks without being told.
    public func inputArrived(_ edge: Edge = .readable) {
        self.state.pointee.isDrained = false
        self.state.pointee.isExhausted = false
        if case .end = edge { self.state.pointee.seesEnd = true }
    }

    /// Goes on with the handshake as far as the bytes at hand allow.
    public func handshake() -> Handshake {
        if self.state.pointee.isEstablished { return .done }
        if let end = self.state.pointee.end { return .failed(Self.failure(of: end)) }
        self.state.pointee.isStarved = false
        guard SSL_do_handshake(self.state.pointee.ssl) != 1 else {
            self.state.pointee.isEstablished = true
            return .done
        }
        if self.state.pointee.isStarved { return .wantsInput }
        let end = self.noteEnd()
        return .failed(Self.failure(of: end))
    }

    /// Reads plaintext, of several records if they are there.
    ///
    /// - Parameters:
    ///   - start: where to put it.
    ///   - limit: room there, above 0.
    /// - Returns: bytes as long as there are some; then why there are none.
    public func read(into start: UnsafeMutableRawPointer, limit: Int) -> Reading {
        var total = 0
        while total < limit, self.state.pointee.end == nil {
            if total > 0, self.state.pointee.isDrained, SSL_has_pending(self.state.pointee.ssl) == 0
            {
                self.state.pointee.isExhausted = true
                break
            }
            var count = 0
            self.state.pointee.isStarved = false
            if SSL_read_ex(self.state.pointee.ssl, start + total, limit - total, &count) == 1 {
                total += count
            } else if self.state.pointee.isStarved {
                self.state.pointee.isExhausted = true
                break
            } else {
                self.noteEnd()
            }
        }
        if total > 0 { return .bytes(total) }
        switch self.state.pointee.end {
        case nil: return .drained
        case .closed: return self.ended(.ended)
        case .truncated: return self.ended(.truncated)
        case .failed(let failure): return self.ended(.broken(failure))
        }
    }

    /// Whether plaintext, ciphertext or the end is held inside, so that no edge will come for it.
    public var hasUnread: Bool { !self.state.pointee.isExhausted }

    /// Appends all of `bytes` to the output as records; false when the session is broken.
    public func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard !bytes.isEmpty else { return true }
        if case .failed = self.state.pointee.end { return false }
        var count = 0
        guard
            SSL_write_ex(self.state.pointee.ssl, bytes.baseAddress, bytes.count, &count) == 1
        else {
            let failure = TLSFailure.ofQueue(verifyResult: 0)
            if SSL_get_shutdown(self.state.pointee.ssl) & SSL_SENT_SHUTDOWN == 0 {
                self.state.pointee.end = .failed(failure)
            }
            return false
        }
        return count == bytes.count
    }

    /// Appends close_notify to the output, once; nothing can be written after it.
    public func close() {
        if case .failed = self.state.pointee.end { return }
        let ssl = self.state.pointee.ssl
        guard self.state.pointee.isEstablished,
            SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN == 0
        else { return }
        if SSL_shutdown(ssl) < 0 { ERR_clear_error() }
    }

    /// Gives everything back; the descriptor stays open and the handle is void.
    public func free() {
        let ssl = self.state.pointee.ssl
        if case .failed = self.state.pointee.end {
            // A broken session is not resumed (RFC 8446 section 6.2): OpenSSL sees to that.
        } else {
            SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        }
        SSL_free(ssl)
        if let resumption = self.state.pointee.resumption { SSL_SESSION_free(resumption) }
        self.state.pointee.forgetName()
        self.state.pointee.context.release()
        self.state.deinitialize(count: 1)
        self.state.deallocate()
    }

    private func ended(_ reading: Reading) -> Reading {
        self.state.pointee.isExhausted = true
        return reading
    }

    /// Finds out why OpenSSL gave up, and keeps it.
    @discardableResult
    private func noteEnd() -> SessionEnd {
        let ssl = self.state.pointee.ssl
        let end: SessionEnd
        if ERR_peek_error() != 0 {
            end = .failed(.ofQueue(verifyResult: SSL_get_verify_result(ssl)))
        } else if self.state.pointee.socketError != 0 {
            end = .failed(.ofSocket(self.state.pointee.socketError))
        } else if SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN != 0 {
            end = .closed
        } else {
            end = .truncated
        }
        self.state.pointee.end = end
        return end
    }

    private static func failure(of end: SessionEnd) -> TLSFailure {
        switch end {
        case .closed, .truncated:
            TLSFailure(cause: .ended, text: "connection closed during the handshake")
        case .failed(let failure): failure
        }
    }
}
