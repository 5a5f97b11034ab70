/// What TLS listeners show to clients and ask of them.
public struct ListenerTLS: Equatable, Sendable {
    /// Whether clients show a certificate.
    public enum ClientCertificates: String, CaseIterable, Sendable {
        /// They are not asked.
        case off
        /// They are asked and may refuse; a certificate that does not verify ends the handshake.
        case optional
        /// A handshake without a certificate that verifies fails.
        case required
    }

    /// The certificate for names that no SNI entity covers; `nil` fails their handshakes.
    ///
    /// `proxy.tls_certificate` and `proxy.tls_key`; without them the node makes one at its first
    /// start, signed by itself, and keeps it.
    public var defaultCertificate: CertificateText?

    /// Whether clients show a certificate.
    ///
    /// `proxy.client_certificates`; default `off`.
    public var clientCertificates = ClientCertificates.off

    /// Authorities of client certificates, PEM; needed unless they are off.
    ///
    /// `proxy.client_ca`.
    public var clientAuthorities: String?

    /// How long one ticket key seals; sessions resume for one to two of these.
    ///
    /// `proxy.tls_session_ticket_rotation`; default 1 h; 60 to 86,400 s; the same on all nodes, or
    /// a client's session resumes only where it began.
    public var ticketRotation: Duration = .seconds(3_600)

    /// A directory of OCSP responses to staple, DER, each named `<certificate id>.der`.
    ///
    /// `proxy.ocsp_dir`; default none.
    public var ocspDirectory: String?

    /// A file that gets every session's secrets, for Wireshark; breaks all confidentiality.
    ///
    /// `proxy.key_log`; default none.
    public var keyLog: String?

    /// Creates the defaults.
    public init() {}
}

/// A certificate chain and its key as PEM texts.
public struct CertificateText: Equatable, Sendable {
    /// The chain, own certificate first.
    public var certificate: String
    /// The private key; a secret.
    public var key: String

    /// Creates a pair; whether they belong together is checked by who uses them.
    public init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }
}

extension CertificateText: CustomStringConvertible, CustomReflectable {
    /// Nothing of the key, so that no log or error ever shows it.
    public var description: String { "certificate of \(self.certificate.utf8.count) bytes" }

    /// Hides the key from `dump` and debuggers.
    public var customMirror: Mirror { Mirror(self, children: ["certificate": self.certificate]) }
}
