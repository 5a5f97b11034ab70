internal import COpenSSL

extension TLSServerContext {
    /// Tells OpenSSL whom to ask during a handshake.
    func setCallbacks() {
        SSL_CTX_set_client_hello_cb(
            self.pointer,
            { ssl, _, _ in ServerHandshake.noteName(ssl) },
            nil
        )
        SSL_CTX_set_cert_cb(self.pointer, { ssl, _ in ServerHandshake.showIdentity(ssl) }, nil)
        mesh_ctx_on_name(self.pointer) { _, _, _ in SSL_TLSEXT_ERR_OK }
        mesh_ctx_on_status(self.pointer) { ssl, _ in ServerHandshake.staple(ssl) }
        if !self.protocols.isEmpty {
            SSL_CTX_set_alpn_select_cb(
                self.pointer,
                { ssl, chosen, chosenCount, offer, offerCount, _ in
                    ServerHandshake.choose(ssl, chosen, chosenCount, offer, offerCount)
                },
                nil
            )
        }
        if self.ticketKeys != nil {
            SSL_CTX_set_tlsext_ticket_key_evp_cb(self.pointer) {
                ssl,
                name,
                vector,
                cipher,
                code,
                seals in
                guard let name, let vector, let cipher, let code else { return -1 }
                let ticket = TLSTicketKeys.Ticket(
                    name: name,
                    vector: vector,
                    cipher: cipher,
                    code: code
                )
                return ServerHandshake.prepare(ticket, ssl, seals: seals == 1)
            }
        }
        if self.keyLog != nil {
            SSL_CTX_set_keylog_callback(self.pointer) { ssl, line in
                guard let log = TLSServerContext.of(ssl)?.keyLog, let line else { return }
                mesh_tls_log_line(log, line)
            }
        }
    }

    /// The context of a session, which its session keeps alive.
    fileprivate static func of(_ ssl: OpaquePointer?) -> TLSServerContext? {
        guard let ssl, let context = SSL_get_SSL_CTX(ssl),
            let held = SSL_CTX_get_ex_data(context, 0)
        else { return nil }
        return Unmanaged<TLSServerContext>.fromOpaque(held).takeUnretainedValue()
    }
}

/// What OpenSSL asks while a client's handshake goes on.
private enum ServerHandshake {
    /// Notes the server name before anything is decided, also when a session is resumed.
    static func noteName(_ ssl: OpaquePointer?) -> Int32 {
        var bytes: UnsafePointer<UInt8>?
        var count = 0
        guard let ssl, let state = SessionState.of(ssl),
            SSL_client_hello_get0_ext(ssl, UInt32(TLSEXT_TYPE_server_name), &bytes, &count) == 1
        else { return Self.beginRequest(ssl, UnsafeRawBufferPointer(start: nil, count: 0)) }
        let body = UnsafeRawBufferPointer(start: bytes, count: count)
        if let name = ServerNameExtension.hostName(in: body) { state.pointee.noteName(name) }
        return Self.beginRequest(ssl, state.pointee.serverName)
    }

    /// Keeps the session of a client that is asked for a certificate from being resumed.
    private static func beginRequest(
        _ ssl: OpaquePointer?,
        _ name: UnsafeRawBufferPointer
    ) -> Int32 {
        if let ssl, TLSServerContext.of(ssl)?.requests?.asks(name) == true {
            mesh_ssl_no_tickets(ssl)
        }
        return SSL_CLIENT_HELLO_SUCCESS
    }

    /// Shows the identity of the name; not asked when a session is resumed.
    static func showIdentity(_ ssl: OpaquePointer?) -> Int32 {
        guard let ssl, let state = SessionState.of(ssl), let context = TLSServerContext.of(ssl)
        else { return 0 }
        let name = state.pointee.serverName
        if !context.asksEverybody, let requests = context.requests {
            guard requests.ask(ssl, name) else { return 0 }
        }
        return context.identity(for: name).install(in: ssl) ? 1 : 0
    }

    static func prepare(_ ticket: TLSTicketKeys.Ticket, _ ssl: OpaquePointer?, seals: Bool) -> Int32
    {
        guard let keys = TLSServerContext.of(ssl)?.ticketKeys else { return -1 }
        guard !seals else { return keys.seal(ticket) }
        return keys.open(ticket, version: SSL_version(ssl) == TLS1_3_VERSION ? .tls13 : .tls12)
    }

    static func staple(_ ssl: OpaquePointer?) -> Int32 {
        guard let ssl, let state = SessionState.of(ssl), let context = TLSServerContext.of(ssl),
            let response = context.identity(for: state.pointee.serverName)
                .ocspResponse(for: SSL_get_certificate(ssl)),
            mesh_ssl_staple(ssl, response, response.count) == 1
        else { return SSL_TLSEXT_ERR_NOACK }
        return SSL_TLSEXT_ERR_OK
    }

    /// Picks our most preferred protocol of the client's offer (RFC 7301 section 3.2).
    static func choose(
        _ ssl: OpaquePointer?,
        _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
        _ chosenCount: UnsafeMutablePointer<UInt8>?,
        _ offer: UnsafePointer<UInt8>?,
        _ offerCount: UInt32
    ) -> Int32 {
        guard let context = TLSServerContext.of(ssl), let offer else {
            return SSL_TLSEXT_ERR_ALERT_FATAL
        }
        let offered = UnsafeRawBufferPointer(start: offer, count: Int(offerCount))
        guard let range = ProtocolList.choose(of: context.protocols, from: offered) else {
            return SSL_TLSEXT_ERR_ALERT_FATAL
        }
        chosen?.pointee = offer + range.lowerBound
        chosenCount?.pointee = UInt8(range.count)
        return SSL_TLSEXT_ERR_OK
    }
}
