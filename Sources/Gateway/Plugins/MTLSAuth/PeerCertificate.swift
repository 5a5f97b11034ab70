internal import COpenSSL
import MeshPrimitives

/// The certificate that a client has shown in its handshake; borrowed from OpenSSL's session.
struct PeerCertificate {
    /// The certificate itself.
    let certificate: OpaquePointer
    /// What came along to vouch for it; nil for nothing.
    let chain: OpaquePointer?

    /// Takes the certificate of a session; nil when the client has shown none.
    init?(_ session: OpaquePointer?) {
        guard let session, let certificate = SSL_get0_peer_certificate(session) else { return nil }
        self.certificate = certificate
        self.chain = SSL_get_peer_cert_chain(session)
    }

    /// SHA-256 of it and of all that came along.
    var digest: [UInt8] {
        var digest = Self.digest(of: self.certificate)
        for index in 0..<mesh_chain_count(self.chain) {
            guard let next = mesh_chain_at(self.chain, index) else { continue }
            digest += Self.digest(of: next)
        }
        return digest
    }

    /// The subject in the form of RFC 2253, as nginx's `$ssl_client_s_dn`.
    var subject: String {
        guard let sink = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(sink) }
        guard mesh_print_name(sink, X509_get_subject_name(self.certificate)) == 1 else { return "" }
        var bytes: UnsafeMutablePointer<CChar>?
        let count = mesh_bio_memory(sink, &bytes)
        return String(
            decoding: UnsafeRawBufferPointer(start: bytes, count: max(0, count)),
            as: UTF8.self
        )
    }

    /// The common name of the subject; nil without one.
    var commonName: String? {
        let subject = X509_get_subject_name(self.certificate)
        let index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
        guard index >= 0, let entry = X509_NAME_get_entry(subject, index),
            let value = X509_NAME_ENTRY_get_data(entry)
        else { return nil }
        return String(decoding: Self.bytes(value), as: UTF8.self)
    }

    /// The names of subjectAltName, then the common name (RFC 6125 section 6.4).
    var names: [String] {
        var names: [String] = []
        if let held = X509_get_ext_d2i(self.certificate, NID_subject_alt_name, nil, nil) {
            let alternatives = OpaquePointer(held)
            for index in 0..<max(0, mesh_names_count(alternatives)) {
                var type: Int32 = 0
                guard let value = mesh_names_any(alternatives, index, &type) else { continue }
                let bytes = Self.bytes(value)
                if type == GEN_IPADD {
                    if let address = Self.address(bytes) { names.append("\(address)") }
                } else {
                    names.append(String(decoding: bytes, as: UTF8.self))
                }
            }
            mesh_names_free(alternatives)
        }
        return names + [self.commonName].compactMap { $0 }
    }

    /// SHA-256 of a certificate's DER form.
    static func digest(of certificate: OpaquePointer) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        X509_digest(certificate, EVP_sha256(), &digest, &count)
        return Array(digest.prefix(Int(count)))
    }

    private static func bytes(_ value: UnsafePointer<ASN1_STRING>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: ASN1_STRING_get0_data(value),
            count: Int(max(0, ASN1_STRING_length(value)))
        )
    }

    private static func address(_ bytes: UnsafeRawBufferPointer) -> IPAddress? {
        let number = { (range: Range<Int>) in
            range.reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[$1]) }
        }
        switch bytes.count {
        case 4: return .v4(UInt32(truncatingIfNeeded: number(0..<4)))
        case 16: return .v6(high: number(0..<8), low: number(8..<16))
        default: return nil
        }
    }
}
