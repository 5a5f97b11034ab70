internal import COpenSSL

/// Tries what a handshake would do with identities, so that one too weak for OpenSSL is found out
/// before it is needed.
final class IdentityTrial {
    /// Making one costs a millisecond; it serves any number of identities.
    private let context = SSL_CTX_new(TLS_server_method())

    deinit { SSL_CTX_free(self.context) }

    func check(_ identity: LoadedIdentity) throws(TLSConfigurationError) {
        guard let context = self.context else { return }
        for pair in [identity.main, identity.alternate].compactMap(\.self) {
            guard !pair.install(inContext: context) else { continue }
            throw .refused(
                owner: identity.source.id,
                field: pair === identity.main ? "cert" : "cert_alt",
                value: TLSFailure.ofQueue(verifyResult: 0).text,
                remedy: "give a chain with keys of 2048 bits (RSA) or P-256 and SHA-2 signatures"
            )
        }
    }
}
