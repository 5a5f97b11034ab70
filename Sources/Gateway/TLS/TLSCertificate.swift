internal import COpenSSL

/// What a certificate says, for validation and for people.
public struct TLSCertificate: Equatable, Sendable {
    /// Kinds of key.
    public enum KeyType: String, Sendable {
        /// RSA, PKCS#1 or PSS.
        case rsa = "RSA"
        /// Elliptic curves.
        case ecdsa = "ECDSA"
        /// Edwards curves and others.
        case other = "other"

        init(ofKey key: OpaquePointer) {
            switch EVP_PKEY_get_base_id(key) {
            case EVP_PKEY_RSA, EVP_PKEY_RSA_PSS: self = .rsa
            case EVP_PKEY_EC: self = .ecdsa
            default: self = .other
            }
        }
    }

    /// Subject in the form of RFC 2253.
    public let subject: String
    /// Issuer in the form of RFC 2253.
    public let issuer: String
    /// DNS names of subjectAltName; the common name when there are none.
    public let names: [String]
    /// Start of validity, Unix seconds.
    public let notBefore: Int
    /// End of validity, Unix seconds.
    public let notAfter: Int
    /// Kind of the public key.
    public let keyType: KeyType
    /// SHA-256 of the DER form, lower-case hexadecimal.
    public let digest: String
    /// Whether it may vouch for others.
    public let isAuthority: Bool

    /// Whether it is not valid any more at `seconds` (Unix).
    public func isExpired(at seconds: Int) -> Bool { seconds > self.notAfter }

    /// The certificates of a PEM text in order; nil when it holds none or a damaged one.
    public static func chain(pem: String) -> [TLSCertificate]? {
        guard let found = PEMText.certificates(pem), !found.isEmpty else { return nil }
        defer { for certificate in found { X509_free(certificate) } }
        return found.map { TLSCertificate($0) }
    }

    /// Whether `keyPEM` is the private key of the first certificate of `certificatePEM`.
    ///
    /// False also when either cannot be read.
    public static func isMatch(certificatePEM: String, keyPEM: String) -> Bool {
        guard let found = PEMText.certificates(certificatePEM), let first = found.first else {
            return false
        }
        defer { for certificate in found { X509_free(certificate) } }
        guard let key = PEMText.key(keyPEM) else { return false }
        defer {
            EVP_PKEY_free(key)
            ERR_clear_error()
        }
        return X509_check_private_key(first, key) == 1
    }

    private init(_ certificate: OpaquePointer) {
        self.subject = Self.text(of: X509_get_subject_name(certificate))
        self.issuer = Self.text(of: X509_get_issuer_name(certificate))
        self.names = Self.names(of: certificate)
        self.notBefore = Self.seconds(X509_get0_notBefore(certificate))
        self.notAfter = Self.seconds(X509_get0_notAfter(certificate))
        self.keyType = X509_get0_pubkey(certificate).map { KeyType(ofKey: $0) } ?? .other
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        X509_digest(certificate, EVP_sha256(), &digest, &count)
        self.digest = Digest.hexadecimal(Array(digest.prefix(Int(count))))
        self.isAuthority = X509_check_ca(certificate) > 0
        ERR_clear_error()
    }

    private static func text(of name: OpaquePointer?) -> String {
        PEMText.written { sink in
            mesh_print_name(sink, name)
        } ?? ""
    }

    private static func names(of certificate: OpaquePointer) -> [String] {
        var names: [String] = []
        if let held = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) {
            let alternatives = OpaquePointer(held)
            for index in 0..<max(0, mesh_names_count(alternatives)) {
                if let name = mesh_names_dns(alternatives, index) {
                    names.append(Self.string(name))
                }
            }
            mesh_names_free(alternatives)
        }
        return names.isEmpty ? Self.commonNames(of: certificate) : names
    }

    private static func commonNames(of certificate: OpaquePointer) -> [String] {
        let subject = X509_get_subject_name(certificate)
        let index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
        guard index >= 0, let entry = X509_NAME_get_entry(subject, index),
            let value = X509_NAME_ENTRY_get_data(entry)
        else { return [] }
        return [Self.string(value)]
    }

    private static func string(_ value: UnsafePointer<ASN1_STRING>) -> String {
        let bytes = UnsafeBufferPointer(
            start: ASN1_STRING_get0_data(value),
            count: Int(max(0, ASN1_STRING_length(value)))
        )
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Unix seconds, without asking a clock; 0 for a time that cannot be read.
    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int {
        guard let epoch = ASN1_TIME_set(nil, 0) else { return 0 }
        defer { ASN1_STRING_free(epoch) }
        var days: Int32 = 0
        var seconds: Int32 = 0
        guard ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 else { return 0 }
        return Int(days) * 86_400 + Int(seconds)
    }
}
