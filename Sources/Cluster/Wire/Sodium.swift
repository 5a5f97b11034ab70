private import CSodium

/// The few libsodium calls that the wire is built from.
enum Sodium {
    /// Bytes of a symmetric key.
    static let keyByteCount = 32
    /// Bytes of an XChaCha20 nonce.
    static let nonceByteCount = 24
    /// Bytes of a Poly1305 tag.
    static let tagByteCount = 16

    /// Chooses the fastest implementations once; the library allows any number of calls.
    private static let isReady: Bool = sodium_init() >= 0

    /// Returns bytes from the kernel's generator.
    static func entropy(byteCount: Int) -> [UInt8] {
        precondition(self.isReady, "libsodium could not be initialised")
        var bytes = [UInt8](repeating: 0, count: byteCount)
        randombytes_buf(&bytes, byteCount)
        return bytes
    }

    /// Hashes `content` with BLAKE2b; with a key it is a MAC or a key derivation.
    static func hash(_ content: [UInt8], key: [UInt8] = [], byteCount: Int) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: byteCount)
        let status = crypto_generichash(
            &digest,
            byteCount,
            content,
            UInt64(content.count),
            key.isEmpty ? nil : key,
            key.count
        )
        precondition(status == 0, "BLAKE2b refuses only wrong sizes")
        return digest
    }

    /// Seals `body`; returns the ciphertext with its tag.
    static func seal(
        _ body: [UInt8],
        header: [UInt8],
        nonce: [UInt8],
        key: [UInt8]
    ) -> [UInt8] {
        self.check(nonce: nonce, key: key)
        var sealed = [UInt8](repeating: 0, count: body.count + self.tagByteCount)
        var sealedCount: UInt64 = 0
        let status = crypto_aead_xchacha20poly1305_ietf_encrypt(
            &sealed,
            &sealedCount,
            body,
            UInt64(body.count),
            header,
            UInt64(header.count),
            nil,
            nonce,
            key
        )
        precondition(status == 0, "sealing refuses only absurd sizes")
        return sealed
    }

    /// Opens what ``seal(_:header:nonce:key:)`` made; `nil` when a bit differs.
    static func open(
        _ sealed: ArraySlice<UInt8>,
        header: ArraySlice<UInt8>,
        nonce: [UInt8],
        key: [UInt8]
    ) -> [UInt8]? {
        self.check(nonce: nonce, key: key)
        guard sealed.count >= self.tagByteCount else { return nil }
        var body = [UInt8](repeating: 0, count: sealed.count - self.tagByteCount)
        var bodyCount: UInt64 = 0
        let status = crypto_aead_xchacha20poly1305_ietf_decrypt(
            &body,
            &bodyCount,
            nil,
            Array(sealed),
            UInt64(sealed.count),
            Array(header),
            UInt64(header.count),
            nonce,
            key
        )
        return status == 0 ? body : nil
    }

    /// The key pair that belongs to 32 secret bytes, Ed25519.
    static func keyPair(seed: [UInt8]) -> (key: [UInt8], secret: [UInt8]) {
        precondition(self.isReady, "libsodium could not be initialised")
        precondition(seed.count == self.keyByteCount, "a seed has 32 bytes")
        var key = [UInt8](repeating: 0, count: 32)
        var secret = [UInt8](repeating: 0, count: 64)
        let status = crypto_sign_seed_keypair(&key, &secret, seed)
        precondition(status == 0, "a key pair follows from any seed")
        return (key, secret)
    }

    /// Signs with the secret of ``keyPair(seed:)``; 64 bytes.
    static func sign(_ content: [UInt8], secret: [UInt8]) -> [UInt8] {
        precondition(secret.count == 64, "a secret has 64 bytes")
        var signature = [UInt8](repeating: 0, count: 64)
        let status = crypto_sign_detached(
            &signature,
            nil,
            content,
            UInt64(content.count),
            secret
        )
        precondition(status == 0, "signing refuses nothing")
        return signature
    }

    /// Whether the secret half of `key` made the signature.
    static func verify(_ signature: [UInt8], of content: [UInt8], key: [UInt8]) -> Bool {
        guard self.isReady, signature.count == 64, key.count == 32 else { return false }
        return crypto_sign_verify_detached(signature, content, UInt64(content.count), key) == 0
    }

    /// Reads standard base64; `nil` for anything else, or for more than `limit` bytes.
    static func decodeBase64(_ text: some StringProtocol, limit: Int) -> [UInt8]? {
        let encoded = Array(text.utf8)
        var bytes = [UInt8](repeating: 0, count: limit)
        var count = 0
        let status = encoded.withUnsafeBytes { encoded in
            sodium_base642bin(
                &bytes,
                limit,
                encoded.baseAddress?.assumingMemoryBound(to: CChar.self),
                encoded.count,
                nil,
                &count,
                nil,
                sodium_base64_VARIANT_ORIGINAL
            )
        }
        return status == 0 ? Array(bytes.prefix(count)) : nil
    }

    /// Writes standard base64.
    static func encodeBase64(_ bytes: [UInt8]) -> String {
        let capacity = sodium_base64_encoded_len(bytes.count, sodium_base64_VARIANT_ORIGINAL)
        var text = [CChar](repeating: 0, count: capacity)
        sodium_bin2base64(&text, capacity, bytes, bytes.count, sodium_base64_VARIANT_ORIGINAL)
        return String(decoding: text.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func check(nonce: [UInt8], key: [UInt8]) {
        precondition(nonce.count == self.nonceByteCount, "a nonce has 24 bytes")
        precondition(key.count == self.keyByteCount, "a key has 32 bytes")
    }
}
