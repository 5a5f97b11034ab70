internal import COpenSSL

/// A session towards a target that can be resumed by a later connection; owned by its holder.
///
/// A trivial handle, freed explicitly or by ``TLSSession/resume(with:)``.
public struct TLSResumption {
    fileprivate let session: OpaquePointer
    fileprivate let context: UnsafeMutableRawPointer

    /// Gives it back unused.
    public func free() { SSL_SESSION_free(self.session) }
}

extension TLSSession {
    /// Sends and verifies a name; false when OpenSSL refuses it.
    func expect(_ name: UnsafeRawBufferPointer, isVerified: Bool) -> Bool {
        self.state.pointee.noteName(name)
        guard !self.serverName.isEmpty, !name.contains(0) else { return false }
        let text = String(decoding: self.serverName, as: UTF8.self)
        return Self.expect(text, of: self.state.pointee.ssl, isVerified: isVerified)
    }

    /// Makes a client's session send and verify a name; false when OpenSSL refuses it.
    static func expect(_ text: String, of ssl: OpaquePointer, isVerified: Bool) -> Bool {
        defer { ERR_clear_error() }
        // An address in text is verified as such and never sent (RFC 6066 section 3).
        if let address = a2i_IPADDRESS(text) {
            ASN1_OCTET_STRING_free(address)
            return !isVerified || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), text) == 1
        }
        guard mesh_ssl_name(ssl, text) == 1 else { return false }
        guard isVerified else { return true }
        SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        return SSL_set1_host(ssl, text) == 1
    }

    /// The newest session that a later connection may resume; nil when there is none (yet).
    ///
    /// TLS 1.3 targets send it after the handshake, so ask when the connection is given up.
    public func takeSession() -> TLSResumption? {
        guard let session = self.newestSession() else { return nil }
        guard SSL_SESSION_is_resumable(session) == 1 else {
            SSL_SESSION_free(session)
            return nil
        }
        return TLSResumption(session: session, context: self.state.pointee.context.toOpaque())
    }

    /// The session that OpenSSL told of, or that of TLS 1.2, which it does not tell of again when
    /// a resumed handshake renews it.
    private func newestSession() -> OpaquePointer? {
        if let session = self.state.pointee.resumption {
            self.state.pointee.resumption = nil
            return session
        }
        guard self.state.pointee.isEstablished, self.version == .tls12 else { return nil }
        return SSL_get1_session(self.state.pointee.ssl)
    }

    /// Offers a session before the handshake, and frees it.
    ///
    /// It must come from the same target and name. One of another context is not offered, since
    /// it was verified by other rules.
    public func resume(with resumption: TLSResumption) {
        if resumption.context == self.state.pointee.context.toOpaque() {
            SSL_set_session(self.state.pointee.ssl, resumption.session)
        }
        resumption.free()
    }
}
