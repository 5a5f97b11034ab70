internal import COpenSSL

/// What a handshake has agreed on.
extension TLSSession {
    /// A protocol version.
    public enum Version: String, Sendable {
        /// RFC 5246.
        case tls12 = "TLSv1.2"
        /// RFC 8446.
        case tls13 = "TLSv1.3"

        /// OpenSSL's number of it.
        var number: Int32 { self == .tls13 ? TLS1_3_VERSION : TLS1_2_VERSION }
    }

    /// What checking the peer's certificate has brought.
    public struct Verification: Equatable, Sendable {
        /// OpenSSL's number (`X509_V_…`); 0 is good, or not checked.
        public let code: Int
        /// OpenSSL's words.
        public let text: String
    }

    /// Whether `h2` was agreed on (RFC 9113 section 3.2).
    public var protocolIsHTTP2: Bool {
        var bytes: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(self.state.pointee.ssl, &bytes, &count)
        guard count == 2, let bytes else { return false }
        return bytes[0] == UInt8(ascii: "h") && bytes[1] == UInt8(ascii: "2")
    }

    /// Server name in lower case: the client's (server side), the expected one (client side).
    ///
    /// Empty without one; valid while the session lives.
    public var serverName: UnsafeRawBufferPointer { self.state.pointee.serverName }

    /// The version agreed on.
    public var version: Version {
        SSL_version(self.state.pointee.ssl) == TLS1_3_VERSION ? .tls13 : .tls12
    }

    /// The cipher suite agreed on, in OpenSSL's spelling; empty before.
    public var cipherName: String {
        guard let cipher = SSL_get_current_cipher(self.state.pointee.ssl) else { return "" }
        return String(cString: SSL_CIPHER_get_name(cipher))
    }

    /// Whether an earlier session was resumed.
    public var isResumed: Bool { SSL_session_reused(self.state.pointee.ssl) == 1 }

    /// Whether the peer has shown a certificate, in this session or the one it resumes.
    public var hasPeerCertificate: Bool {
        SSL_get0_peer_certificate(self.state.pointee.ssl) != nil
    }

    /// What the peer's own certificate says; nil without one.
    public var peerCertificate: TLSCertificate? {
        SSL_get0_peer_certificate(self.state.pointee.ssl).map { TLSCertificate($0) }
    }

    /// The peer's own certificate as PEM; nil without one.
    public var peerCertificatePEM: String? {
        guard let certificate = SSL_get0_peer_certificate(self.state.pointee.ssl) else {
            return nil
        }
        return PEMText.written { PEM_write_bio_X509($0, certificate) }
    }

    /// OpenSSL's own object, which lives as long as the session.
    public var handle: OpaquePointer { self.state.pointee.ssl }

    /// What checking the peer's certificate has brought.
    public var verification: Verification {
        let code = SSL_get_verify_result(self.state.pointee.ssl)
        return Verification(code: code, text: String(cString: X509_verify_cert_error_string(code)))
    }
}
