/// A certificate with its key, and the server names it is shown for.
public struct TLSIdentity: Equatable, Sendable {
    /// A chain with the key of its first certificate.
    public struct Pair: Equatable, Sendable {
        /// PEM, the own certificate first, then those that vouch for it.
        public var certificate: String
        /// PEM of the private key, not encrypted; a secret.
        public var key: String
        /// OCSP response about the certificate, DER, stapled to handshakes that ask for one.
        public var ocspResponse: [UInt8]?

        /// Creates a pair without a response to staple.
        public init(certificate: String, key: String, ocspResponse: [UInt8]? = nil) {
            self.certificate = certificate
            self.key = key
            self.ocspResponse = ocspResponse
        }
    }

    /// What errors call it, the certificate's id for example.
    public var id: String
    /// The first pair.
    public var main: Pair
    /// A second pair with a key of the other type (RSA beside ECDSA); the client's offer decides.
    public var alternate: Pair?
    /// Server names: exact, `*.x`, `x.*` or `*`; in any case.
    public var names: [String]

    /// Creates an identity of one pair.
    public init(id: String, certificate: String, key: String, names: [String] = []) {
        self.id = id
        self.main = Pair(certificate: certificate, key: key)
        self.names = names
    }
}
