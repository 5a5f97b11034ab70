internal import CSodium
import MeshEntities
internal import MeshPrimitives

/// What a session remembers.
struct SessionTicket: Equatable, Sendable {
    let consumer: EntityID
    let credential: EntityID
    /// Unix seconds when the client was authenticated.
    let began: UInt64
    /// Unix seconds when the cookie was written.
    var touched: UInt64
}

/// Seals sessions into cookies that only those who have the secret can read or make.
///
/// XChaCha20-Poly1305 by libsodium, a random nonce before the ciphertext; the key is BLAKE2b of the
/// secret and the audience.
struct SessionSeal: Sendable {
    /// Marks what a session's plaintext looks like.
    private static let version: UInt8 = 1
    private static let plainByteCount = 49
    private static let nonceByteCount = Int(crypto_aead_xchacha20poly1305_ietf_npubbytes())
    private static let tagByteCount = Int(crypto_aead_xchacha20poly1305_ietf_abytes())
    private static var byteCount: Int { nonceByteCount + plainByteCount + tagByteCount }

    private let key: [UInt8]

    init(secret: [UInt8], audience: String) {
        _ = sodium_init()
        let secret = Array("meshgate session\n\(audience)\n".utf8) + secret
        var key = [UInt8](
            repeating: 0,
            count: Int(crypto_aead_xchacha20poly1305_ietf_keybytes())
        )
        crypto_generichash(&key, key.count, secret, UInt64(secret.count), nil, 0)
        self.key = key
    }

    /// The value of a cookie; nil when libsodium fails.
    ///
    /// `random` draws the nonce.
    func close(_ ticket: SessionTicket, random: (Int) -> [UInt8]) -> String? {
        let nonce = random(Self.nonceByteCount)
        guard nonce.count == Self.nonceByteCount else { return nil }
        var plain: [UInt8] = [Self.version]
        let words = [
            ticket.consumer.high, ticket.consumer.low, ticket.credential.high,
            ticket.credential.low, ticket.began, ticket.touched,
        ]
        for word in words {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                plain.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        var sealed = [UInt8](repeating: 0, count: plain.count + Self.tagByteCount)
        let status = crypto_aead_xchacha20poly1305_ietf_encrypt(
            &sealed,
            nil,
            plain,
            UInt64(plain.count),
            nil,
            0,
            nil,
            nonce,
            self.key
        )
        guard status == 0 else { return nil }
        return Base64.encode(nonce + sealed, alphabet: .url)
    }

    /// What a cookie holds; nil when it was not made with the secret.
    func open(_ cookie: UnsafeRawBufferPointer) -> SessionTicket? {
        guard let bytes = Base64.decode(cookie), bytes.count == Self.byteCount else { return nil }
        let nonce = Array(bytes[..<Self.nonceByteCount])
        let sealed = Array(bytes[Self.nonceByteCount...])
        var plain = [UInt8](repeating: 0, count: Self.plainByteCount)
        let status = crypto_aead_xchacha20poly1305_ietf_decrypt(
            &plain,
            nil,
            nil,
            sealed,
            UInt64(sealed.count),
            nil,
            0,
            nonce,
            self.key
        )
        guard status == 0, plain[0] == Self.version else { return nil }
        let words = (0..<6).map { index in
            plain[(1 + 8 * index)..<(9 + 8 * index)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        return SessionTicket(
            consumer: EntityID(high: words[0], low: words[1]),
            credential: EntityID(high: words[2], low: words[3]),
            began: words[4],
            touched: words[5]
        )
    }
}
