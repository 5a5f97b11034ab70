internal import COpenSSL
import MeshEntities

/// What OpenSSL needs to check the signature of a text's digest, looked up once; may be used by several
/// threads at once.
final class SignatureCheck: Sendable {
    private let hash: Hash
    /// Only copies of it are used.
    private nonisolated(unsafe) let prepared: OpaquePointer

    /// Checks with a key; nil when OpenSSL refuses the algorithm for it.
    init?(_ key: OpaquePointer, _ algorithm: JWTSecret.Algorithm) {
        guard let prepared = Self.prepare(key, algorithm) else { return nil }
        self.hash = Self.hash(algorithm)
        self.prepared = prepared
    }

    deinit { EVP_PKEY_CTX_free(self.prepared) }

    /// Whether a signature of a text is right; it is not where OpenSSL cannot tell.
    func isRight(_ signature: [UInt8], of text: UnsafeRawBufferPointer) -> Bool {
        guard let context = EVP_PKEY_CTX_dup(self.prepared) else { return false }
        defer { EVP_PKEY_CTX_free(context) }
        return Self.digest(of: text, self.hash) { digest in
            let bytes = digest.bindMemory(to: UInt8.self)
            return EVP_PKEY_verify(
                context,
                signature,
                signature.count,
                bytes.baseAddress,
                bytes.count
            ) == 1
        } ?? false
    }

    /// SHA-256 of a text; nil when OpenSSL cannot make it.
    static func digest(of text: UnsafeRawBufferPointer) -> [UInt8]? {
        Self.digest(of: text, .sha256) { Array($0) }
    }

    private static func digest<Result>(
        of text: UnsafeRawBufferPointer,
        _ hash: Hash,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result? {
        var digest = InlineArray<64, UInt8>(repeating: 0)
        return withUnsafeMutableBytes(of: &digest) { room -> Result? in
            let bytes = room.bindMemory(to: UInt8.self)
            guard let fetched = hash.fetched, bytes.count >= hash.byteCount,
                EVP_Digest(text.baseAddress, text.count, bytes.baseAddress, nil, fetched, nil) == 1
            else { return nil }
            return body(UnsafeRawBufferPointer(rebasing: room[..<hash.byteCount]))
        }
    }

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
}
