internal import COpenSSL

extension TLSServerContext {
    /// Suites of TLS 1.2: forward secret and authenticated, the client's order.
    ///
    /// Source: Mozilla's intermediate profile, without finite-field Diffie-Hellman, whose
    /// handshakes cost a server far more than a client.
    private static let suites = """
        ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
        ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
        ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
        """
    private static let groups = "X25519:P-256:P-384"

    static func makeContext(
        _ settings: TLSServerSettings
    ) throws(TLSConfigurationError) -> OpaquePointer {
        guard let context = SSL_CTX_new(TLS_server_method()) else {
            ERR_clear_error()
            throw .refused(
                owner: "listener",
                field: "tls",
                value: "on",
                remedy: "OpenSSL has no memory"
            )
        }
        do throws(TLSConfigurationError) {
            try Self.prepare(context, settings)
            try Self.setClientCertificates(context, settings)
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        return context
    }

    private static func prepare(
        _ context: OpaquePointer,
        _ settings: TLSServerSettings
    ) throws(TLSConfigurationError) {
        guard mesh_ctx_prepare(context, settings.minimumVersion.number, ReadAhead.byteCount) == 1,
            SSL_CTX_set_cipher_list(context, Self.suites) == 1,
            mesh_ctx_groups(context, Self.groups) == 1
        else {
            ERR_clear_error()
            throw .refused(
                owner: "listener",
                field: "tls",
                value: "Mozilla intermediate",
                remedy: "this OpenSSL is built without its cipher suites or groups"
            )
        }
        mesh_ctx_cache_off(context)
        SSL_CTX_set_timeout(context, settings.ticketLifetime)
        if settings.ticketKeys == nil {
            mesh_ctx_no_tickets(context)
        } else {
            SSL_CTX_set_num_tickets(context, settings.ticketCount)
        }
    }

    private static func setClientCertificates(
        _ context: OpaquePointer,
        _ settings: TLSServerSettings
    ) throws(TLSConfigurationError) {
        Self.setSessionScope(context, settings)
        let mode: Int32
        switch settings.clientCertificates {
        case .none: return
        case .optional: mode = SSL_VERIFY_PEER
        case .required: mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
        }
        let authorities = try Authorities(
            settings.clientAuthorities,
            owner: "listener",
            field: "clientAuthorities"
        )
        mesh_ctx_store(context, authorities.store)
        for certificate in authorities.certificates {
            SSL_CTX_add_client_CA(context, certificate)
        }
        SSL_CTX_set_verify(context, mode, nil)
        SSL_CTX_set_verify_depth(context, Int32(settings.clientDepth))
    }

    /// Binds sessions to what was asked of the client when they began.
    ///
    /// Otherwise a ticket from a listener that asks for no certificate, or trusts other
    /// authorities, would be resumed here without one.
    private static func setSessionScope(_ context: OpaquePointer, _ settings: TLSServerSettings) {
        var scope = "\(settings.clientCertificates) \(settings.clientDepth)\n"
        if settings.clientCertificates != .none {
            for authority in settings.clientAuthorities.sorted() { scope += authority }
        }
        let digest = Digest.sha256(Array(scope.utf8))
        SSL_CTX_set_session_id_context(context, digest, UInt32(digest.count))
    }
}
