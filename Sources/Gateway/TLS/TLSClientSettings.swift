/// What is shown to targets, and what of them is trusted.
public struct TLSClientSettings: Equatable, Sendable {
    /// Certificate shown when a target asks for one; names are not used.
    public var identity: TLSIdentity?
    /// Whether the target's certificate and name are checked; default false, as Kong.
    public var verifies = false
    /// Most certificates between the target's and an authority's; 0 to 64; nil: OpenSSL's 100.
    public var depth: Int?
    /// Authorities that are trusted, PEM; empty: the system's.
    public var authorities: [String] = []
    /// Application protocols offered (ALPN), by preference; empty: none.
    public var protocols: [String] = ["http/1.1"]
    /// Oldest version; default TLS 1.2.
    public var minimumVersion: TLSSession.Version = .tls12
    /// Newest version; default TLS 1.3.
    public var maximumVersion: TLSSession.Version = .tls13
    /// Descriptor that secrets are logged to (NSS key log format), for debugging only; nil: none.
    public var keyLog: Int32?

    /// Creates settings that check nothing and offer HTTP/1.1.
    public init() {}
}
