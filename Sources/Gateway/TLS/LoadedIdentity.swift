internal import COpenSSL

/// An identity as OpenSSL holds it: read, checked, never changed, shared by all threads.
///
/// Handshakes only raise reference counts of these objects, which OpenSSL does atomically.
final class LoadedIdentity: Sendable {
    /// What it was read from, so that an unchanged one is not read again.
    let source: TLSIdentity
    let main: LoadedPair
    let alternate: LoadedPair?

    init(_ identity: TLSIdentity) throws(TLSConfigurationError) {
        self.source = identity
        self.main = try LoadedPair(identity.main, owner: identity.id, suffix: "")
        guard let alternate = identity.alternate else {
            self.alternate = nil
            return
        }
        let loaded = try LoadedPair(alternate, owner: identity.id, suffix: "_alt")
        guard loaded.keyType != self.main.keyType else {
            throw .alternate(
                owner: identity.id,
                field: "cert_alt",
                value: "\(loaded.keyType.rawValue) like cert",
                remedy: "give a certificate of the other key type, or leave cert_alt out"
            )
        }
        self.alternate = loaded
    }

    /// Shows this identity in a handshake; false when OpenSSL refuses.
    func install(in ssl: OpaquePointer) -> Bool {
        SSL_certs_clear(ssl)
        return self.main.install(in: ssl) && (self.alternate?.install(in: ssl) ?? true)
    }

    /// The response to staple to the certificate that the handshake chose.
    func ocspResponse(for certificate: OpaquePointer?) -> [UInt8]? {
        if certificate == self.main.certificate { return self.main.ocspResponse }
        guard let alternate, certificate == alternate.certificate else { return nil }
        return alternate.ocspResponse
    }
}

/// A chain and the key of its first certificate.
final class LoadedPair: Sendable {
    nonisolated(unsafe) let certificate: OpaquePointer
    nonisolated(unsafe) let key: OpaquePointer
    nonisolated(unsafe) let chain: OpaquePointer
    let keyType: TLSCertificate.KeyType
    let ocspResponse: [UInt8]?

    init(
        _ pair: TLSIdentity.Pair,
        owner: String,
        suffix: String
    ) throws(TLSConfigurationError) {
        guard var certificates = PEMText.certificates(pair.certificate), !certificates.isEmpty
        else {
            throw .unreadable(
                owner: owner,
                field: "cert\(suffix)",
                value: "\(pair.certificate.utf8.count) bytes without a certificate",
                remedy: "give a PEM chain, the own certificate first"
            )
        }
        let chain = mesh_chain_new()
        let leaf = certificates.removeFirst()
        for certificate in certificates where mesh_chain_push(chain, certificate) == 0 {
            X509_free(certificate)
        }
        guard let chain, let key = PEMText.key(pair.key) else {
            X509_free(leaf)
            mesh_chain_free(chain)
            throw .unreadable(
                owner: owner,
                field: "key\(suffix)",
                value: "\(pair.key.utf8.count) bytes without a readable key",
                remedy: "give the private key as PEM, not encrypted"
            )
        }
        // From here deinit frees what is held.
        self.certificate = leaf
        self.chain = chain
        self.key = key
        self.keyType = TLSCertificate.KeyType(ofKey: key)
        self.ocspResponse = pair.ocspResponse
        try self.check(owner: owner, suffix: suffix)
    }

    deinit {
        X509_free(self.certificate)
        EVP_PKEY_free(self.key)
        mesh_chain_free(self.chain)
    }

    func install(in ssl: OpaquePointer) -> Bool {
        SSL_use_cert_and_key(ssl, self.certificate, self.key, self.chain, 1) == 1
    }

    func install(inContext context: OpaquePointer) -> Bool {
        SSL_CTX_use_cert_and_key(context, self.certificate, self.key, self.chain, 1) == 1
    }

    private func check(owner: String, suffix: String) throws(TLSConfigurationError) {
        guard X509_check_private_key(self.certificate, self.key) == 1 else {
            ERR_clear_error()
            throw .mismatch(
                owner: owner,
                field: "key\(suffix)",
                value: "the key of another certificate",
                remedy:
                    "certificate does not match key; give the key that the certificate was made for"
            )
        }
        guard let response = self.ocspResponse else { return }
        let parsed = response.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return d2i_OCSP_RESPONSE(nil, &start, bytes.count)
        }
        ERR_clear_error()
        guard let parsed else {
            throw .unreadable(
                owner: owner,
                field: "ocsp\(suffix)",
                value: "\(response.count) bytes without an OCSP response",
                remedy: "give the response in DER, as `openssl ocsp -respout` writes it"
            )
        }
        OCSP_RESPONSE_free(parsed)
    }
}
