internal import COpenSSL
internal import MeshEntities

/// A public key that signatures of one algorithm are checked by; may be used by several threads at
/// once.
///
/// What OpenSSL looks up for a check is looked up once.
final class PublicKey: Sendable {
    /// The first half of SHA-256 of the text it was read from.
    let fingerprint: PluginMark
    private let algorithm: JWTSecret.Algorithm
    private nonisolated(unsafe) let key: OpaquePointer
    /// Nil for EdDSA, which has no digest.
    private let check: SignatureCheck?

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
        let digest = text.withUTF8 { SignatureCheck.digest(of: UnsafeRawBufferPointer($0)) }
        let check = algorithm == .edDSA ? nil : SignatureCheck(parsed, algorithm)
        // What is remembered of tokens is bound to the key by the digest.
        guard let digest, digest.count >= 16, check != nil || algorithm == .edDSA else {
            EVP_PKEY_free(parsed)
            return nil
        }
        self.fingerprint = PluginMark(digest)
        self.algorithm = algorithm
        self.key = parsed
        self.check = check
    }

    deinit { EVP_PKEY_free(self.key) }

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
        let isGood = self.check?.isRight(signature, of: text) ?? self.checkWhole(signature, text)
        if !isGood { ERR_clear_error() }
        return isGood
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
