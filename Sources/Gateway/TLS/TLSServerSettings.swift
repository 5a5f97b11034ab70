/// What a TLS listener shows and asks of its clients.
public struct TLSServerSettings: Equatable, Sendable {
    /// Whether clients must show a certificate.
    public enum ClientCertificates: Equatable, Sendable {
        /// None is asked for.
        case none
        /// One is asked for; none is accepted, a bad one refused.
        case optional
        /// The handshake fails without a good one.
        case required
    }

    /// Which application protocols (ALPN, RFC 7301) the listener speaks.
    public enum Application: Equatable, Sendable {
        /// HTTP: `h2` before `http/1.1` if ``offersHTTP2``; a client that offers neither is refused.
        case http
        /// A stream of bytes: the offer is not answered.
        case stream
    }

    /// Shown when no name matches, or when the client names no server.
    public var defaultIdentity: TLSIdentity
    /// Shown by server name: exact before `*.x` before `x.*` before `*`; names are unique.
    public var identities: [TLSIdentity] = []
    /// What the bytes inside are; default HTTP.
    public var application: Application = .http
    /// Whether `h2` is offered; default true.
    public var offersHTTP2 = true
    /// Oldest version; default TLS 1.2 (RFC 9325 section 3.1).
    public var minimumVersion: TLSSession.Version = .tls12
    /// Keys of session tickets; nil: no session is resumed.
    public var ticketKeys: TLSTicketKeys?
    /// Seconds that a ticket is good for; default 1 h, 1 to 604,800 (RFC 8446 section 4.6.1).
    public var ticketLifetime = 3_600
    /// Tickets sent after a full TLS 1.3 handshake; default 1, 0 to 8.
    public var ticketCount = 1
    /// Whether clients show certificates; default none.
    public var clientCertificates: ClientCertificates = .none
    /// Authorities of client certificates, PEM; needed unless ``clientCertificates`` is none.
    public var clientAuthorities: [String] = []
    /// Most certificates between a client's and an authority's; default 9, 0 to 64.
    public var clientDepth = 9
    /// Who is asked for a certificate that is checked behind the handshake; default nobody.
    public var certificateRequests: [TLSCertificateRequest] = []
    /// Descriptor that secrets are logged to (NSS key log format), for debugging only; nil: none.
    public var keyLog: Int32?

    /// Creates settings for one certificate.
    public init(defaultIdentity: TLSIdentity) { self.defaultIdentity = defaultIdentity }
}
