internal import COpenSSL

extension TLSServerContext {
    static func makeContext(
        _ settings: TLSServerSettings
    ) throws(TLSConfigurationError) -> OpaquePointer {
        try ContextSetup.make(TLS_server_method(), owner: "listener") {
            (context) throws(TLSConfigurationError) in
            try Self.prepare(context, settings)
            try Self.setClientCertificates(context, settings)
        }
    }

    private static func prepare(
        _ context: OpaquePointer,
        _ settings: TLSServerSettings
    ) throws(TLSConfigurationError) {
        let versions = (settings.minimumVersion, TLSSession.Version.tls13)
        try ContextSetup.prepare(context, owner: "listener", versions, CipherPolicy.apply)
        mesh_ctx_prefer_ours(context)
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
        let authorities = try ContextSetup.trust(
            settings.clientAuthorities,
            in: context,
            owner: "listener",
            field: "clientAuthorities"
        )
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
