/// One socket that clients connect to.
struct Listener: Sendable {
    /// What comes there.
    enum Kind: Sendable {
        /// HTTP in the clear: HTTP/1, or HTTP/2 by prior knowledge.
        case http
        /// HTTP over TLS, HTTP/1 or HTTP/2 by ALPN.
        case https
        /// Bytes for stream routes.
        case tcp
        /// TLS for stream routes, ended here or passed through.
        case tls
    }

    let descriptor: Int32
    let kind: Kind
    /// Whether a PROXY header comes before anything else.
    let isProxyProtocol: Bool
}
