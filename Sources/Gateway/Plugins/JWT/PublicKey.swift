internal import COpenSSL
internal import MeshEntities

/// A public key that signatures of one algorithm are checked by; may be used by several threads at
/// once.
///
/// What OpenSSL looks up to begin a check is done once: each check begins with a copy.
final class PublicKey: Sendable {
    /// SHA-256 of the text it was read from.
    let fingerprint: [UInt8]
    private let algorithm: JWTSecret.Algorithm
    private nonisolated(unsafe) let key: OpaquePointer
    /// Ready to check a digest, and never changed; nil for EdDSA, which signs texts themselves.
    private nonisolated(unsafe) let prepared: OpaquePointer?

    /// Reads PEM text; nil when it holds no public key that serves the algorithm.
    init?(pem: String, for algorithm: JWTSecret.Algorithm) {
        var text = pem
        let parsed = text.withUTF8 { bytes -> OpaquePointer? in
            guard let memory = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
            else { return nil }
            defer { BIO_free(memory) }
            return PEM_read_bio_PUBKEY(memory, nil, nil, nil)
        }
        defer { ERR_clear_error() }
        guard let parsed else { return nil }
        guard Self.serves(parsed, algorithm) else {
            EVP_PKEY_free(parsed)
            return nil
        }
        self.fingerprint = text.withUTF8 { bytes in
            Self.digest(UnsafeRawBufferPointer(bytes), .rs256)
        }
        // What is remembered of tokens is bound to the key by it.
        guard !self.fingerprint.isEmpty else {
            EVP_PKEY_free(parsed)
            return nil
        }
        self.algorithm = algorithm
        self.key = parsed
        self.prepared = algorithm == .edDSA ? nil : Self.prepare(parsed, algorithm)
    }

    deinit {
        EVP_PKEY_CTX_free(self.prepared)
        EVP_PKEY_free(self.key)
    }

    /// Whether a key is of the kind that an algorithm needs.
    private static func serves(_ key: OpaquePointer, _ algorithm: JWTSecret.Algorithm) -> Bool {
        let kind = EVP_PKEY_get_base_id(key)
        return switch algorithm {
        case .hs256, .hs384, .hs512: false
        case .rs256, .rs384, .rs512: kind == EVP_PKEY_RSA
        case .ps256, .ps384, .ps512: kind == EVP_PKEY_RSA || kind == EVP_PKEY_RSA_PSS
        case .es256: kind == EVP_PKEY_EC && EVP_PKEY_get_bits(key) == 256
        case .es384: kind == EVP_PKEY_EC && EVP_PKEY_get_bits(key) == 384
        case .es512: kind == EVP_PKEY_EC && EVP_PKEY_get_bits(key) == 521
        case .edDSA: kind == EVP_PKEY_ED25519 || kind == EVP_PKEY_ED448
        }
    }

    /// Whether a signature of a text was made with the private key of this one.
    func verify(_ signature: [UInt8], of text: UnsafeRawBufferPointer) -> Bool {
        let signature =
            switch self.algorithm {
            case .es256, .es384, .es512: Self.sequence(signature, self.algorithm)
            case .hs256, .hs384, .hs512, .rs256, .rs384, .rs512, .ps256, .ps384, .ps512, .edDSA:
                signature
            }
        guard !signature.isEmpty else { return false }
        let isGood =
            self.algorithm == .edDSA
            ? self.checkWhole(signature, text) : self.check(signature, text)
        if !isGood { ERR_clear_error() }
        return isGood
    }

    /// Checks the signature of a text's digest.
    private func check(_ signature: [UInt8], _ text: UnsafeRawBufferPointer) -> Bool {
        guard let prepared, let context = EVP_PKEY_CTX_dup(prepared) else { return false }
        defer { EVP_PKEY_CTX_free(context) }
        let digest = Self.digest(text, self.algorithm)
        return EVP_PKEY_verify(context, signature, signature.count, digest, digest.count) == 1
    }

    /// Checks the signature of a text itself, which EdDSA makes.
    private func checkWhole(_ signature: [UInt8], _ text: UnsafeRawBufferPointer) -> Bool {
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        let bytes = text.bindMemory(to: UInt8.self)
        return EVP_DigestVerifyInit(context, nil, nil, nil, self.key) == 1
            && EVP_DigestVerify(
                context,
                signature,
                signature.count,
                bytes.baseAddress,
                bytes.count
            ) == 1
    }

    /// What checks of digests are copied from.
    private static func prepare(
        _ key: OpaquePointer,
        _ algorithm: JWTSecret.Algorithm
    ) -> OpaquePointer? {
        guard let context = EVP_PKEY_CTX_new(key, nil) else { return nil }
        let hash = Self.hash(algorithm).fetched
        var isReady =
            EVP_PKEY_verify_init(context) == 1 && EVP_PKEY_CTX_set_signature_md(context, hash) > 0
        switch algorithm {
        case .ps256, .ps384, .ps512:
            // The salt is as long as the digest (RFC 7518 section 3.5).
            isReady =
                isReady && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0
                && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, -1) > 0
                && EVP_PKEY_CTX_set_rsa_mgf1_md(context, hash) > 0
        case .hs256, .hs384, .hs512, .rs256, .rs384, .rs512, .es256, .es384, .es512, .edDSA: break
        }
        if isReady { return context }
        EVP_PKEY_CTX_free(context)
        return nil
    }

    /// Fetched once: OpenSSL looks a hash up at every use else.
    private struct Hash: Sendable {
        static let sha256 = Hash("SHA256", Int(SHA256_DIGEST_LENGTH))
        static let sha384 = Hash("SHA384", Int(SHA384_DIGEST_LENGTH))
        static let sha512 = Hash("SHA512", Int(SHA512_DIGEST_LENGTH))

        nonisolated(unsafe) let fetched: OpaquePointer?
        let byteCount: Int

        private init(_ name: String, _ byteCount: Int) {
            self.fetched = EVP_MD_fetch(nil, name, nil)
            self.byteCount = byteCount
        }
    }

    private static func hash(_ algorithm: JWTSecret.Algorithm) -> Hash {
        switch algorithm {
        case .hs384, .rs384, .es384, .ps384: .sha384
        case .hs512, .rs512, .es512, .ps512: .sha512
        case .hs256, .rs256, .es256, .ps256, .edDSA: .sha256
        }
    }

    private static func digest(
        _ text: UnsafeRawBufferPointer,
        _ algorithm: JWTSecret.Algorithm
    ) -> [UInt8] {
        let hash = Self.hash(algorithm)
        return [UInt8](unsafeUninitializedCapacity: hash.byteCount) { room, count in
            let made = EVP_Digest(
                text.baseAddress,
                text.count,
                room.baseAddress,
                nil,
                hash.fetched,
                nil
            )
            count = made == 1 ? hash.byteCount : 0
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
        let first = Self.digits(signature[..<half])
        let second = Self.digits(signature[half...])
        // A number whose highest bit is set has a zero in front, or it would be negative.
        let firstCount = first.count + (first.first ?? 0x80 >= 0x80 ? 1 : 0)
        let secondCount = second.count + (second.first ?? 0x80 >= 0x80 ? 1 : 0)
        let contentCount = 4 + firstCount + secondCount
        var sequence: [UInt8] = []
        sequence.reserveCapacity(contentCount + 3)
        sequence.append(0x30)
        if contentCount >= 0x80 { sequence.append(0x81) }
        sequence.append(UInt8(contentCount))
        for (digits, count) in [(first, firstCount), (second, secondCount)] {
            sequence.append(0x02)
            sequence.append(UInt8(count))
            if count > digits.count { sequence.append(0) }
            sequence.append(contentsOf: digits)
        }
        return sequence
    }

    private static func digits(_ number: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        number.drop { $0 == 0 }
    }
}
