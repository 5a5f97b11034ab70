internal import COpenSSL

/// Certificates of authorities that the peer's certificate is checked against.
///
/// What is named is trusted as it is, also an authority that another one vouches for.
final class Authorities {
    let store: OpaquePointer
    private(set) var certificates: [OpaquePointer] = []

    init(_ texts: [String], owner: String, field: String) throws(TLSConfigurationError) {
        guard let store = X509_STORE_new() else {
            throw .refused(
                owner: owner,
                field: field,
                value: "\(texts.count) authorities",
                remedy: "OpenSSL has no memory"
            )
        }
        self.store = store
        X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        for text in texts {
            guard let found = PEMText.certificates(text), !found.isEmpty else {
                throw .unreadable(
                    owner: owner,
                    field: field,
                    value: "\(text.utf8.count) bytes without a certificate",
                    remedy: "give authorities' certificates as PEM"
                )
            }
            self.certificates += found
            for certificate in found { X509_STORE_add_cert(store, certificate) }
        }
        ERR_clear_error()
    }

    deinit {
        X509_STORE_free(self.store)
        for certificate in self.certificates { X509_free(certificate) }
    }

    /// The system's authorities, read once.
    nonisolated(unsafe) static let system: OpaquePointer? = {
        let store = X509_STORE_new()
        if let store { X509_STORE_set_default_paths(store) }
        ERR_clear_error()
        return store
    }()
}
