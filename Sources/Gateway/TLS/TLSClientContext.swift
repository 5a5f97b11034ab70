internal import COpenSSL

/// TLS towards targets: immutable, built off the workers, shared by all of them.
public final class TLSClientContext: Sendable {
    nonisolated(unsafe) let pointer: OpaquePointer
    let isVerifying: Bool
    let keyLog: Int32?
    private let identity: LoadedIdentity?

    /// Reads and checks everything.
    ///
    /// - Parameter settings: what to show and to trust.
    /// - Throws: ``TLSConfigurationError`` for the first value that cannot be used.
    public init(_ settings: TLSClientSettings) throws(TLSConfigurationError) {
        let identity: LoadedIdentity?
        if let source = settings.identity {
            identity = try LoadedIdentity(source)
        } else {
            identity = nil
        }
        self.identity = identity
        self.isVerifying = settings.verifies
        self.keyLog = settings.keyLog
        self.pointer = try Self.makeContext(settings, identity: identity)
        SSL_CTX_set_ex_data(self.pointer, 0, Unmanaged.passUnretained(self).toOpaque())
        self.setCallbacks()
    }

    deinit { SSL_CTX_free(self.pointer) }

    private func setCallbacks() {
        mesh_ctx_cache_by_caller(self.pointer)
        SSL_CTX_sess_set_new_cb(self.pointer) { ssl, session in
            guard let ssl, let state = SessionState.of(ssl) else { return 0 }
            if let older = state.pointee.resumption { SSL_SESSION_free(older) }
            state.pointee.resumption = session
            return 1
        }
        guard self.keyLog != nil else { return }
        SSL_CTX_set_keylog_callback(self.pointer) { ssl, line in
            guard let ssl, let line, let held = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0) else {
                return
            }
            let context = Unmanaged<TLSClientContext>.fromOpaque(held).takeUnretainedValue()
            if let log = context.keyLog { mesh_tls_log_line(log, line) }
        }
    }

    private static func makeContext(
        _ settings: TLSClientSettings,
        identity: LoadedIdentity?
    ) throws(TLSConfigurationError) -> OpaquePointer {
        try ContextSetup.make(TLS_client_method(), owner: "target") {
            (context) throws(TLSConfigurationError) in
            try Self.prepare(context, settings, identity: identity)
            try Self.setTrust(context, settings)
        }
    }

    private static func prepare(
        _ context: OpaquePointer,
        _ settings: TLSClientSettings,
        identity: LoadedIdentity?
    ) throws(TLSConfigurationError) {
        if let identity { try IdentityTrial().check(identity) }
        let pairs = [identity?.main, identity?.alternate].compactMap(\.self)
        let versions = (settings.minimumVersion, settings.maximumVersion)
        try ContextSetup.prepare(context, owner: "target", versions) { context in
            CipherPolicy.apply13(to: context) && pairs.allSatisfy { $0.install(inContext: context) }
        }
        guard let offer = ProtocolList.wireForm(settings.protocols) else {
            throw .refused(
                owner: "target",
                field: "protocols",
                value: settings.protocols.joined(separator: ", "),
                remedy: "give names of 1 to 255 bytes"
            )
        }
        if !offer.isEmpty { SSL_CTX_set_alpn_protos(context, offer, UInt32(offer.count)) }
    }

    private static func setTrust(
        _ context: OpaquePointer,
        _ settings: TLSClientSettings
    ) throws(TLSConfigurationError) {
        guard settings.verifies else {
            // Not even the chain is built, which OpenSSL would do to have a result to tell.
            SSL_CTX_set_cert_verify_callback(context, { _, _ in 1 }, nil)
            return
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        if let depth = settings.depth {
            guard (0...64).contains(depth) else {
                throw .refused(
                    owner: "target",
                    field: "tls_verify_depth",
                    value: "\(depth)",
                    remedy: "give 0 to 64"
                )
            }
            SSL_CTX_set_verify_depth(context, Int32(depth))
        }
        if settings.authorities.isEmpty {
            if let store = Authorities.system { mesh_ctx_store(context, store) }
            return
        }
        try ContextSetup.trust(
            settings.authorities,
            in: context,
            owner: "target",
            field: "ca_certificates"
        )
    }
}
