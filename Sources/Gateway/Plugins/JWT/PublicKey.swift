internal import COpenSSL
internal import MeshEntities

/// A public key that signatures are checked by; may be used by several threads at once.
final class PublicKey: Sendable {
    private nonisolated(unsafe) let key: OpaquePointer

    /// Reads PEM text; nil when it holds no public key.
    init?(pem: String) {
        var text = pem
        let parsed = text.withUTF8 { bytes -> OpaquePointer? in
            guard let memory = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
            else { return nil }
            defer { BIO_free(memory) }
            return PEM_read_bio_PUBKEY(memory, nil, nil, nil)
        }
        ERR_clear_error()
        guard let parsed else { return nil }
        self.key = parsed
    }

    deinit { EVP_PKEY_free(self.key) }

    /// Whether the key is of the kind that an algorithm needs.
    func serves(_ algorithm: JWTSecret.Algorithm) -> Bool {
        let kind = EVP_PKEY_get_base_id(self.key)
        return switch algorithm {
        case .hs256, .hs384, .hs512: false
        case .rs256, .rs384, .rs512: kind == EVP_PKEY_RSA
        case .ps256, .ps384, .ps512: kind == EVP_PKEY_RSA || kind == EVP_PKEY_RSA_PSS
        case .es256: kind == EVP_PKEY_EC && EVP_PKEY_get_bits(self.key) == 256
        case .es384: kind == EVP_PKEY_EC && EVP_PKEY_get_bits(self.key) == 384
        case .es512: kind == EVP_PKEY_EC && EVP_PKEY_get_bits(self.key) == 521
        case .edDSA: kind == EVP_PKEY_ED25519 || kind == EVP_PKEY_ED448
        }
    }

    /// Whether a signature of a text was made with the private key of this one.
    func verify(
        _ signature: [UInt8],
        of text: UnsafeRawBufferPointer,
        _ algorithm: JWTSecret.Algorithm
    ) -> Bool {
        guard self.serves(algorithm) else { return false }
        let isEC = EVP_PKEY_get_base_id(self.key) == EVP_PKEY_EC
        let signature = isEC ? Self.sequence(signature, algorithm) : signature
        guard !signature.isEmpty, let context = EVP_MD_CTX_new() else { return false }
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        var options: OpaquePointer?
        let digest = Self.digest(algorithm)
        guard EVP_DigestVerifyInit(context, &options, digest, nil, self.key) == 1 else {
            return false
        }
        switch algorithm {
        case .ps256, .ps384, .ps512:
            // The salt is as long as the digest (RFC 7518 section 3.5).
            guard EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) > 0,
                EVP_PKEY_CTX_set_rsa_pss_saltlen(options, -1) > 0,
                EVP_PKEY_CTX_set_rsa_mgf1_md(options, digest) > 0
            else { return false }
        case .hs256, .hs384, .hs512, .rs256, .rs384, .rs512, .es256, .es384, .es512, .edDSA: break
        }
        let bytes = text.bindMemory(to: UInt8.self)
        return EVP_DigestVerify(
            context,
            signature,
            signature.count,
            bytes.baseAddress,
            bytes.count
        ) == 1
    }

    private static func digest(_ algorithm: JWTSecret.Algorithm) -> OpaquePointer? {
        switch algorithm {
        case .hs256, .rs256, .es256, .ps256: EVP_sha256()
        case .hs384, .rs384, .es384, .ps384: EVP_sha384()
        case .hs512, .rs512, .es512, .ps512: EVP_sha512()
        case .edDSA: nil
        }
    }

    /// The two numbers of an ECDSA signature (RFC 7518 section 3.4) as OpenSSL takes them: a DER
    /// sequence of integers; empty when the length is wrong.
    static func sequence(_ signature: [UInt8], _ algorithm: JWTSecret.Algorithm) -> [UInt8] {
        let half =
            switch algorithm {
            case .es256: 32
            case .es384: 48
            default: 66
            }
        guard signature.count == 2 * half else { return [] }
        let content = Self.integer(signature[..<half]) + Self.integer(signature[half...])
        return [0x30] + Self.length(content.count) + content
    }

    private static func integer(_ digits: ArraySlice<UInt8>) -> [UInt8] {
        var number = Array(digits.drop { $0 == 0 })
        if number.first.map({ $0 >= 0x80 }) ?? true { number.insert(0, at: 0) }
        return [0x02] + Self.length(number.count) + number
    }

    private static func length(_ count: Int) -> [UInt8] {
        count < 0x80 ? [UInt8(count)] : [0x81, UInt8(count)]
    }
}
