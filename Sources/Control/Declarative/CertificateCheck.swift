internal import COpenSSL
internal import Glibc
internal import MeshEntities
internal import MeshTLS

/// Looks into the certificates of a file, which the entities hold as texts; Kong's rules and words.
struct CertificateCheck {
    private let places: EntityPlaces
    /// Unix seconds.
    private let now: Int
    private(set) var findings: [Finding] = []
    private(set) var warnings: [Finding] = []

    /// Starts a check; `places` name the entities.
    init(places: EntityPlaces, now: Int = time(nil)) {
        self.places = places
        self.now = now
    }

    /// Checks all certificates; fills in the digests of authorities, which nobody has to write.
    mutating func run(_ configuration: inout GatewayConfiguration) {
        for (index, certificate) in configuration.certificates.enumerated() {
            self.check(certificate, index)
        }
        for index in configuration.caCertificates.indices {
            self.check(&configuration.caCertificates[index], index)
        }
    }

    private mutating func check(_ certificate: Certificate, _ index: Int) {
        let main = self.checkPair("cert", certificate.cert, "key", certificate.key, index)
        guard let alternate = certificate.certAlt, let key = certificate.keyAlt else { return }
        let other = self.checkPair("cert_alt", alternate, "key_alt", key, index)
        guard let main, let other, main == other else { return }
        self.fail(
            index,
            "certificate and alternative certificate need to have different type "
                + "(e.g. RSA and ECDSA), the provided certificates were both of the same type"
        )
    }

    /// The type of a pair's key; `nil` when something is wrong with the pair.
    private mutating func checkPair(
        _ field: String,
        _ text: String,
        _ keyField: String,
        _ keyText: String,
        _ index: Int
    ) -> TLSCertificate.KeyType? {
        // What has no PEM in it is reported where the field is read.
        guard text.contains(Self.certificateMark), keyText.contains(Self.keyMark) else {
            return nil
        }
        let chain = TLSCertificate.chain(pem: text)
        if chain == nil {
            self.fail(.certificates, index, field, "invalid certificate: damaged PEM text")
        }
        let isKeyReadable = PrivateKeyText.isReadable(keyText)
        if !isKeyReadable {
            self.fail(
                .certificates,
                index,
                keyField,
                "invalid key: damaged or encrypted PEM text"
            )
        }
        guard let first = chain?.first, isKeyReadable else { return nil }
        guard TLSCertificate.isMatch(certificatePEM: text, keyPEM: keyText) else {
            let which = field == "cert" ? "certificate" : "alternative certificate"
            self.fail(index, "\(which) does not match key")
            return nil
        }
        if first.isExpired(at: self.now) {
            let message =
                "the certificate of '\(first.subject)' has expired: clients will refuse it"
            self.warnings.append(self.places.finding(.certificates, index, field, message))
        }
        return first.keyType
    }

    private mutating func check(_ authority: inout CACertificate, _ index: Int) {
        let text = authority.cert
        guard text.contains(Self.certificateMark) else { return }
        guard let chain = TLSCertificate.chain(pem: text) else {
            self.fail(.caCertificates, index, "cert", "invalid certificate: damaged PEM text")
            return
        }
        // More than one is reported where the field is read.
        guard chain.count == 1 else { return }
        authority.certDigest = chain[0].digest
        if chain[0].isExpired(at: self.now) {
            self.fail(
                .caCertificates,
                index,
                FieldPath.entityField,
                "certificate expired, \"Not After\" time is in the past"
            )
        } else if !chain[0].isAuthority {
            self.fail(
                .caCertificates,
                index,
                FieldPath.entityField,
                "certificate does not appear to be a CA because it is missing the \"CA\" "
                    + "basic constraint"
            )
        }
    }

    private mutating func fail(_ index: Int, _ message: String) {
        self.fail(.certificates, index, FieldPath.entityField, message)
    }

    private mutating func fail(
        _ kind: EntityKind,
        _ index: Int,
        _ field: String,
        _ message: String
    ) {
        self.findings.append(self.places.finding(kind, index, field, message))
    }

    private static let certificateMark = "-----BEGIN CERTIFICATE-----"
    private static let keyMark = "PRIVATE KEY-----"
}

/// Private keys as PEM texts.
enum PrivateKeyText {
    /// Whether OpenSSL reads a key from the text without a passphrase.
    static func isReadable(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            guard let count = Int32(exactly: bytes.count),
                let source = BIO_new_mem_buf(bytes.baseAddress, count)
            else { return false }
            defer {
                BIO_free(source)
                ERR_clear_error()
            }
            guard let key = PEM_read_bio_PrivateKey(source, nil, mesh_no_passphrase, nil) else {
                return false
            }
            EVP_PKEY_free(key)
            return true
        }
    }
}
