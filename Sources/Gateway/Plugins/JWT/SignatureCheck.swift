internal import COpenSSL
import MeshEntities
internal import Synchronization

/// What OpenSSL needs to check the signature of a text's digest, ready to do so again and again; used by
/// one thread at a time.
final class SignatureCheck {
    private let hash: Hash
    private let hashing: OpaquePointer
    /// Nil for one that makes digests only.
    private let verifying: OpaquePointer?

    /// Makes digests only, with the hash of an algorithm; nil when OpenSSL refuses.
    init?(_ algorithm: JWTSecret.Algorithm) {
        guard let hashing = EVP_MD_CTX_new() else { return nil }
        self.hash = Self.hash(algorithm)
        self.hashing = hashing
        self.verifying = nil
    }

    /// Checks with a key, which outlasts this; nil when OpenSSL refuses the algorithm for it.
    init?(_ key: OpaquePointer, _ algorithm: JWTSecret.Algorithm) {
        guard let verifying = Self.prepare(key, algorithm) else { return nil }
        guard let hashing = EVP_MD_CTX_new() else {
            EVP_PKEY_CTX_free(verifying)
            return nil
        }
        self.hash = Self.hash(algorithm)
        self.hashing = hashing
        self.verifying = verifying
    }

    deinit {
        EVP_PKEY_CTX_free(self.verifying)
        EVP_MD_CTX_free(self.hashing)
    }

    /// Whether a signature of a text is right; it is not where OpenSSL cannot tell.
    func isRight(_ signature: [UInt8], of text: UnsafeRawBufferPointer) -> Bool {
        self.digest(of: text) { digest in
            let bytes = digest.bindMemory(to: UInt8.self)
            return EVP_PKEY_verify(
                self.verifying,
                signature,
                signature.count,
                bytes.baseAddress,
                bytes.count
            ) == 1
        } ?? false
    }

    /// Shows the digest of a text; nil when OpenSSL cannot make it.
    func digest<Result>(
        of text: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result? {
        var digest = InlineArray<64, UInt8>(repeating: 0)
        return withUnsafeMutableBytes(of: &digest) { room -> Result? in
            let bytes = room.bindMemory(to: UInt8.self)
            guard bytes.count >= self.hash.byteCount,
                EVP_DigestInit_ex(self.hashing, self.hash.fetched, nil) == 1,
                EVP_DigestUpdate(self.hashing, text.baseAddress, text.count) == 1,
                EVP_DigestFinal_ex(self.hashing, bytes.baseAddress, nil) == 1
            else { return nil }
            return body(UnsafeRawBufferPointer(rebasing: room[..<self.hash.byteCount]))
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

/// The checks of one key that nobody makes right now; from any thread, without waiting.
///
/// There are as many as were made at once, which is one for each worker at most.
final class SpareChecks: Sendable {
    /// Most that are kept.
    private static let capacity = 16

    /// Each the address of a check that is held by it, or 0.
    private let places = InlineArray<16, Atomic<UInt>> { _ in Atomic(0) }

    init() {}

    deinit { while let check = self.take() { withExtendedLifetime(check) {} } }

    /// A check, which is the caller's; nil when none is left.
    func take() -> SignatureCheck? {
        for index in 0..<Self.capacity where self.places[index].load(ordering: .relaxed) != 0 {
            let address = self.places[index].exchange(0, ordering: .acquiring)
            guard let pointer = UnsafeRawPointer(bitPattern: address) else { continue }
            return Unmanaged<SignatureCheck>.fromOpaque(pointer).takeRetainedValue()
        }
        return nil
    }

    /// Keeps a check that is the caller's no longer, if there is a place.
    func keep(_ check: SignatureCheck) {
        for index in 0..<Self.capacity where self.places[index].load(ordering: .relaxed) == 0 {
            let held = Unmanaged.passRetained(check)
            let address = UInt(bitPattern: held.toOpaque())
            let isKept = self.places[index]
                .compareExchange(expected: 0, desired: address, ordering: .releasing).exchanged
            if isKept { return }
            held.release()
        }
    }
}
