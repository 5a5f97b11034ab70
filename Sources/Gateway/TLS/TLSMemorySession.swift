internal import COpenSSL

/// One side of TLS over bytes in memory, for whoever owns his sockets himself.
///
/// Used by one thread. What ``takeOutput()`` gives must be sent after every other call.
public final class TLSMemorySession {
    /// What came of received bytes.
    public struct Progress: Sendable {
        /// Plaintext, in order.
        public var plaintext: [UInt8] = []
        /// Whether the handshake is over, so that bytes can be written.
        public var isEstablished = false
        /// Whether the peer says that nothing follows.
        public var isEnded = false
        /// Why the session is of no use any more.
        public var failure: TLSFailure?
    }

    /// Bytes of plaintext taken at once: one record.
    private static let recordByteCount = 16_384

    private let state: UnsafeMutablePointer<SessionState>
    private let output = TLSOutput()
    private let received: OpaquePointer
    private let records: OpaquePointer

    /// Creates the server's side; `nil` when OpenSSL has no memory.
    public convenience init?(_ context: TLSServerContext) {
        guard let ssl = SSL_new(context.pointer) else { return nil }
        self.init(ssl, context)
        SSL_set_accept_state(ssl)
    }

    /// Creates the client's side, towards a server that must be called `name`, a host name or an
    /// address; `nil` when OpenSSL refuses the name or has no memory.
    ///
    /// Its first bytes come from ``receive(_:)`` with none.
    public convenience init?(_ context: TLSClientContext, name: String) {
        guard let ssl = SSL_new(context.pointer) else { return nil }
        self.init(ssl, context)
        SSL_set_connect_state(ssl)
        guard TLSSession.expect(name, of: ssl, isVerified: context.isVerifying) else { return nil }
    }

    private init?(_ ssl: OpaquePointer, _ context: AnyObject) {
        guard let received = BIO_new(BIO_s_mem()), let records = BIO_new(BIO_s_mem()) else {
            SSL_free(ssl)
            return nil
        }
        self.received = received
        self.records = records
        self.state = .allocate(capacity: 1)
        self.state.initialize(
            to: SessionState(
                ssl: ssl,
                descriptor: -1,
                output: self.output.gathered,
                context: Unmanaged.passRetained(context)
            )
        )
        SSL_set_bio(ssl, received, records)
        SSL_set_ex_data(ssl, 0, self.state)
    }

    deinit {
        SSL_free(self.state.pointee.ssl)
        if let session = self.state.pointee.resumption { SSL_SESSION_free(session) }
        self.state.pointee.forgetName()
        self.state.pointee.context.release()
        self.state.deinitialize(count: 1)
        self.state.deallocate()
    }

    /// Takes in ciphertext and says what it brings.
    public func receive(_ bytes: UnsafeRawBufferPointer) -> Progress {
        var progress = Progress()
        guard bytes.count <= Int(Int32.max) else {
            progress.failure = TLSFailure(cause: .ourselves, text: "too much at once")
            return progress
        }
        if !bytes.isEmpty {
            _ = BIO_write(self.received, bytes.baseAddress, Int32(bytes.count))
        }
        let ssl = self.state.pointee.ssl
        if !self.state.pointee.isEstablished {
            let result = SSL_do_handshake(ssl)
            guard result == 1 else {
                progress.failure = self.failure(of: result)
                return progress
            }
            self.state.pointee.isEstablished = true
        }
        progress.isEstablished = true
        self.read(into: &progress)
        return progress
    }

    /// Turns plaintext into records; false when the session is broken.
    public func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard !bytes.isEmpty else { return true }
        var count = 0
        guard
            SSL_write_ex(self.state.pointee.ssl, bytes.baseAddress, bytes.count, &count) == 1
        else {
            ERR_clear_error()
            return false
        }
        return count == bytes.count
    }

    /// Says that nothing follows (close_notify).
    public func close() {
        guard self.state.pointee.isEstablished else { return }
        if SSL_shutdown(self.state.pointee.ssl) < 0 { ERR_clear_error() }
    }

    /// Ciphertext to send.
    public func takeOutput() -> [UInt8] {
        let count = BIO_ctrl_pending(self.records)
        guard count > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let read = BIO_read(
                self.records,
                buffer.baseAddress,
                Int32(truncatingIfNeeded: min(count, Int(Int32.max)))
            )
            filled = max(0, Int(read))
        }
    }

    /// The common name of the certificate that the client has shown; `nil` without one.
    public var clientName: String? {
        guard let certificate = SSL_get0_peer_certificate(self.state.pointee.ssl),
            SSL_get_verify_result(self.state.pointee.ssl) == Int(X509_V_OK),
            let subject = X509_get_subject_name(certificate)
        else { return nil }
        var text = [CChar](repeating: 0, count: 256)
        let count = X509_NAME_get_text_by_NID(subject, NID_commonName, &text, Int32(text.count))
        guard count > 0, count < text.count - 1 else { return nil }
        let name = text.prefix(Int(count)).map { UInt8(bitPattern: $0) }
        return name.contains(0) ? nil : String(validating: name, as: UTF8.self)
    }

    private func read(into progress: inout Progress) {
        while true {
            var count = 0
            let chunk = [UInt8](unsafeUninitializedCapacity: Self.recordByteCount) {
                buffer,
                filled in
                _ = SSL_read_ex(
                    self.state.pointee.ssl,
                    buffer.baseAddress,
                    buffer.count,
                    &count
                )
                filled = count
            }
            guard count > 0 else { break }
            progress.plaintext += chunk
        }
        let shutdown = SSL_get_shutdown(self.state.pointee.ssl)
        if shutdown & SSL_RECEIVED_SHUTDOWN != 0 {
            progress.isEnded = true
            ERR_clear_error()
        } else {
            progress.failure = self.failure(of: 0)
        }
    }

    /// Why a call did not succeed; `nil` when it only needs more bytes.
    private func failure(of result: Int32) -> TLSFailure? {
        let error = SSL_get_error(self.state.pointee.ssl, result)
        if error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE { return nil }
        return TLSFailure.ofQueue(
            verifyResult: Int(SSL_get_verify_result(self.state.pointee.ssl))
        )
    }
}
