internal import COpenSSL

/// Why a handshake or a session broke.
public struct TLSFailure: Error, Equatable, Sendable {
    /// Kinds of failure that are counted apart.
    public enum Cause: Equatable, Sendable {
        /// The socket failed with this errno.
        case socket(Int32)
        /// The peer ended the stream before the handshake was done.
        case ended
        /// The first bytes are a plain HTTP request.
        case plainHTTP
        /// The bytes are no TLS records.
        case notTLS
        /// No protocol version is shared.
        case version
        /// No cipher suite, group or signature algorithm is shared.
        case cipher
        /// No application protocol (ALPN) is shared.
        case applicationProtocol
        /// We refuse the peer's certificate; the text says why.
        case certificate
        /// The peer shows no certificate where one is required.
        case certificateMissing
        /// The peer refuses us with this alert (RFC 8446 section 6).
        case alert(UInt8)
        /// A record or message breaks the protocol.
        case protocolViolation
        /// Memory or another resource of ours ran out.
        case ourselves
    }

    /// What is counted.
    public let cause: Cause
    /// One short line for logs, in OpenSSL's words where they are OpenSSL's.
    public let text: String
}

extension TLSFailure: CustomStringConvertible {
    /// The text.
    public var description: String { self.text }
}

extension TLSFailure {
    /// Takes the newest error off this thread's queue and empties the queue.
    static func ofQueue(verifyResult: Int) -> TLSFailure {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        let reason = mesh_error_reason(code)
        let text = ERR_reason_error_string(code).map { String(cString: $0) }
        let cause = Self.cause(ofReason: reason)
        if cause == .certificate, verifyResult != Int(X509_V_OK) {
            let why = String(cString: X509_verify_cert_error_string(verifyResult))
            return TLSFailure(cause: cause, text: "certificate verify failed: \(why)")
        }
        return TLSFailure(cause: cause, text: text ?? "unknown failure")
    }

    static func ofSocket(_ number: Int32) -> TLSFailure {
        TLSFailure(cause: .socket(number), text: String(cString: strerror(number)))
    }

    private static func cause(ofReason reason: Int32) -> Cause {
        switch reason {
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST: .plainHTTP
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_PACKET_LENGTH_TOO_LONG,
            SSL_R_RECORD_LENGTH_MISMATCH, SSL_R_BAD_RECORD_TYPE:
            .notTLS
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_VERSION_TOO_HIGH,
            SSL_R_UNKNOWN_PROTOCOL, SSL_R_NO_PROTOCOLS_AVAILABLE:
            .version
        case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SHARED_GROUPS, SSL_R_NO_SUITABLE_KEY_SHARE,
            SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
            .cipher
        case SSL_R_NO_APPLICATION_PROTOCOL: .applicationProtocol
        case SSL_R_CERTIFICATE_VERIFY_FAILED: .certificate
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: .certificateMissing
        case SSL_R_NO_CERTIFICATE_SET, SSL_R_CALLBACK_FAILED: .ourselves
        case Int32(SSL_AD_REASON_OFFSET)...Int32(SSL_AD_REASON_OFFSET + 255):
            .alert(UInt8(reason - Int32(SSL_AD_REASON_OFFSET)))
        default: .protocolViolation
        }
    }
}
