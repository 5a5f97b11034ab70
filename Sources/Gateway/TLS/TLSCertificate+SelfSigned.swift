internal import COpenSSL

extension TLSCertificate {
    /// A certificate that vouches for itself, with its key.
    public struct SelfSigned: Equatable, Sendable {
        /// PEM of the certificate.
        public let certificate: String
        /// PEM of the private key (PKCS#8); a secret.
        public let key: String
    }

    /// Seconds that a self-signed certificate is valid: 20 years of 365 days.
    ///
    /// Source: Kong's default certificate.
    public static let selfSignedSeconds = 20 * 365 * 86_400

    /// Makes a key and a certificate that vouches for itself: the default until there is another.
    ///
    /// Takes tens of milliseconds for RSA.
    ///
    /// - Parameters:
    ///   - commonName: subject and only DNS name: letters, digits, `-`, `.`, `*`; 1 to 64 bytes
    ///     (RFC 5280 appendix A).
    ///   - keyType: RSA of 2,048 bits, or ECDSA on P-256 for anything else.
    ///   - now: start of validity, Unix seconds.
    /// - Returns: nil for another name, or when OpenSSL has no entropy or memory.
    public static func selfSigned(
        commonName: String = "localhost",
        keyType: KeyType,
        now: Int
    ) -> SelfSigned? {
        guard commonName.utf8.allSatisfy(Self.isNameByte) else { return nil }
        defer { ERR_clear_error() }
        guard let key = keyType == .rsa ? mesh_key_rsa(2_048) : mesh_key_p256() else { return nil }
        defer { EVP_PKEY_free(key) }
        guard let certificate = X509_new() else { return nil }
        defer { X509_free(certificate) }
        guard Self.fill(certificate, commonName: commonName, now: now),
            X509_set_pubkey(certificate, key) == 1,
            X509_sign(certificate, key, EVP_sha256()) > 0,
            let certificateText = PEMText.written({ PEM_write_bio_X509($0, certificate) }),
            let keyText = PEMText.written({
                PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil)
            })
        else { return nil }
        return SelfSigned(certificate: certificateText, key: keyText)
    }

    /// Only these, since OpenSSL reads an extension's text as a list.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "*"):
            true
        default: false
        }
    }

    private static func fill(_ certificate: OpaquePointer, commonName: String, now: Int) -> Bool {
        guard X509_set_version(certificate, 2) == 1, Self.setSerial(certificate),
            ASN1_TIME_set(X509_getm_notBefore(certificate), now) != nil,
            ASN1_TIME_set(X509_getm_notAfter(certificate), now + Self.selfSignedSeconds) != nil
        else { return false }
        let subject = X509_get_subject_name(certificate)
        let isNamed = X509_NAME_add_entry_by_txt(
            subject,
            "CN",
            MBSTRING_UTF8,
            commonName,
            Int32(commonName.utf8.count),
            -1,
            0
        )
        guard isNamed == 1, X509_set_issuer_name(certificate, subject) == 1 else { return false }
        return Self.extend(certificate, NID_basic_constraints, "critical,CA:FALSE")
            && Self.extend(certificate, NID_key_usage, "critical,digitalSignature,keyEncipherment")
            && Self.extend(certificate, NID_ext_key_usage, "serverAuth,clientAuth")
            && Self.extend(certificate, NID_subject_alt_name, "DNS:\(commonName)")
    }

    /// A serial of 127 random bits (RFC 5280 section 4.1.2.2).
    private static func setSerial(_ certificate: OpaquePointer) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 16)
        guard RAND_bytes(&bytes, 16) == 1 else { return false }
        bytes[0] &= 0x7F
        guard let number = BN_bin2bn(bytes, 16, nil) else { return false }
        defer { BN_free(number) }
        return BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil
    }

    private static func extend(_ certificate: OpaquePointer, _ kind: Int32, _ value: String) -> Bool
    {
        guard let part = X509V3_EXT_conf_nid(nil, nil, kind, value) else { return false }
        defer { X509_EXTENSION_free(part) }
        return X509_add_ext(certificate, part, -1) == 1
    }
}
