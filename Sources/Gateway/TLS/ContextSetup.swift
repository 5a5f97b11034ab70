internal import COpenSSL

/// What contexts of listeners and of targets have in common.
enum ContextSetup {
    /// Makes a context and sets it up; it is freed when that fails.
    static func make(
        _ method: OpaquePointer?,
        owner: String,
        _ setUp: (OpaquePointer) throws(TLSConfigurationError) -> Void
    ) throws(TLSConfigurationError) -> OpaquePointer {
        guard let context = SSL_CTX_new(method) else {
            ERR_clear_error()
            throw .refused(
                owner: owner,
                field: "tls",
                value: "on",
                remedy: "OpenSSL has no memory"
            )
        }
        do throws(TLSConfigurationError) {
            try setUp(context)
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        return context
    }

    /// Sets versions and what `policy` adds; buffers are those of our reads.
    static func prepare(
        _ context: OpaquePointer,
        owner: String,
        _ versions: (TLSSession.Version, TLSSession.Version),
        _ policy: (OpaquePointer) -> Bool
    ) throws(TLSConfigurationError) {
        guard mesh_ctx_prepare(context, versions.0.number, ReadAhead.byteCount) == 1,
            mesh_ctx_newest(context, versions.1.number) == 1, policy(context)
        else {
            ERR_clear_error()
            throw .refused(
                owner: owner,
                field: "tls",
                value: "\(versions.0.rawValue) to \(versions.1.rawValue)",
                remedy:
                    "this OpenSSL is built without these versions, or without the cipher suites "
                    + "and groups of Mozilla's intermediate profile"
            )
        }
    }

    /// Trusts authorities, and them alone.
    @discardableResult
    static func trust(
        _ texts: [String],
        in context: OpaquePointer,
        owner: String,
        field: String
    ) throws(TLSConfigurationError) -> Authorities {
        let authorities = try Authorities(texts, owner: owner, field: field)
        mesh_ctx_store(context, authorities.store)
        return authorities
    }
}
