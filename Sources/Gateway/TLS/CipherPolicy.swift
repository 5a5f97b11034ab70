internal import COpenSSL

/// Cipher suites and groups: forward secret and authenticated ones only.
///
/// Source: Mozilla's intermediate profile, without finite-field Diffie-Hellman, whose handshakes
/// cost a server far more than a client. AES-128 stands first: it is safe, and a fifth cheaper
/// per byte than AES-256.
enum CipherPolicy {
    private static let suites = """
        ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
        ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
        ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
        """
    private static let suites13 =
        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    private static let groups = "X25519:P-256:P-384"

    /// False when this OpenSSL is built without them.
    static func apply(to context: OpaquePointer) -> Bool {
        SSL_CTX_set_cipher_list(context, Self.suites) == 1 && Self.apply13(to: context)
            && mesh_ctx_groups(context, Self.groups) == 1
    }

    /// The order of TLS 1.3 only, for targets, whose older suites we cannot choose.
    static func apply13(to context: OpaquePointer) -> Bool {
        SSL_CTX_set_ciphersuites(context, Self.suites13) == 1
    }
}
