internal import COpenSSL
internal import CSodium
public import MeshEntities
internal import MeshPrimitives

/// Passwords as they are kept: hashed by Argon2id, or by SHA-1 when they come from Kong's database.
///
/// The salt follows from the credential's id, which no other credential has: so the same file makes
/// the same hash on every node and at every load, and nothing seems to change.
///
/// Source: RFC 9106; parameters of the OWASP Password Storage Cheat Sheet.
public enum PasswordHash {
    /// Passes over the memory.
    private static let passes: UInt64 = 2
    /// Bytes of memory that one hash takes: 19 MiB.
    private static let memory = 19 * 1_024 * 1_024
    private static let byteCount = 32
    private static let argonMark = "$argon2id$"
    /// Marks what Kong stores: the hexadecimal SHA-1 of the password and the consumer's id.
    private static let kongMark = "{sha1}"

    private static let isReady = sodium_init() >= 0

    /// A hash that is checked for users that do not exist.
    static let nobodys = Self.make("nobody", for: EntityID(high: 0, low: 0)) ?? ""

    /// Whether a text is a hash already.
    public static func isHash(_ text: String) -> Bool {
        text.hasPrefix(Self.argonMark) || Self.kongDigest(text) != nil
    }

    /// The hash of a password; nil when there is no memory for it.
    ///
    /// Takes about 20 ms.
    public static func make(_ password: String, for credential: EntityID) -> String? {
        guard Self.isReady else { return nil }
        let length = Int(crypto_pwhash_argon2id_saltbytes())
        var salt = [UInt8](repeating: 0, count: length)
        let name = Array("basic-auth \(credential)".utf8)
        crypto_generichash(&salt, length, name, UInt64(name.count), nil, 0)
        var hash = [UInt8](repeating: 0, count: Self.byteCount)
        let status = password.withCString { text in
            crypto_pwhash_argon2id(
                &hash,
                UInt64(hash.count),
                text,
                UInt64(password.utf8.count),
                salt,
                Self.passes,
                Self.memory,
                crypto_pwhash_argon2id_alg_argon2id13()
            )
        }
        guard status == 0 else { return nil }
        return "\(Self.argonMark)v=19$m=\(Self.memory / 1_024),t=\(Self.passes),p=1"
            + "$\(Base64.encode(salt))$\(Base64.encode(hash))"
    }

    /// The form in which Kong's own hash is kept; nil for what is none.
    public static func imported(_ digest: String) -> String? {
        let text = Self.kongMark + digest.lowercased()
        return Self.kongDigest(text) == nil ? nil : text
    }

    /// Whether a check is as fast as a look-up.
    static func isFast(_ hash: String) -> Bool { hash.hasPrefix(Self.kongMark) }

    /// Whether a password is the one that was hashed; Argon2id takes about 20 ms.
    static func verify(_ password: [UInt8], _ hash: String, of consumer: EntityID) -> Bool {
        if let digest = Self.kongDigest(hash) {
            let input = password + Array("\(consumer)".utf8)
            var made = [UInt8](repeating: 0, count: Int(SHA_DIGEST_LENGTH))
            _ = SHA1(input, input.count, &made)
            return ConstantTime.areEqual(made, digest)
        }
        guard Self.isReady, hash.hasPrefix(Self.argonMark) else { return false }
        return password.withUnsafeBytes { bytes in
            let text = bytes.assumingMemoryBound(to: CChar.self)
            // An empty buffer has no address, and the length says that nothing is read.
            guard let base = text.baseAddress else {
                return crypto_pwhash_argon2id_str_verify(hash, "", 0) == 0
            }
            return crypto_pwhash_argon2id_str_verify(hash, base, UInt64(bytes.count)) == 0
        }
    }

    private static func kongDigest(_ text: String) -> [UInt8]? {
        guard text.hasPrefix(Self.kongMark) else { return nil }
        let digits = Array(text.utf8.dropFirst(Self.kongMark.utf8.count))
        guard digits.count == 2 * Int(SHA_DIGEST_LENGTH) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            let pair = String(decoding: digits[index..<(index + 2)], as: UTF8.self)
            guard let byte = UInt8(pair, radix: 16), !pair.hasPrefix("+") else { return nil }
            bytes.append(byte)
        }
        return bytes
    }
}
