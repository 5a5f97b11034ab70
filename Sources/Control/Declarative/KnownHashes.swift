internal import CSodium
internal import MeshEntities
internal import MeshPlugins
internal import Synchronization

/// Hashes that were made of passwords before, so that reading the same file again is fast.
///
/// Finds a hash by BLAKE2b of the password under a key that is drawn at start; holds no password.
final class KnownHashes: Sendable {
    /// Those of this process.
    static let shared = KnownHashes()

    /// Most hashes that are remembered; then they are forgotten all at once.
    private static let limit = 65_536

    private let key: [UInt8]
    private let hashes = Mutex<[[UInt8]: String]>([:])

    private init() {
        _ = sodium_init()
        var key = [UInt8](repeating: 0, count: 32)
        randombytes_buf(&key, key.count)
        self.key = key
    }

    /// The hash of a password, made or remembered.
    func hash(_ password: String, _ credential: EntityID) -> String? {
        let text = Array("\(credential)\n\(password)".utf8)
        var name = [UInt8](repeating: 0, count: 32)
        crypto_generichash(
            &name,
            name.count,
            text,
            UInt64(text.count),
            self.key,
            self.key.count
        )
        if let known = self.hashes.withLock({ $0[name] }) { return known }
        guard let made = PasswordHash.make(password, for: credential) else { return nil }
        self.hashes.withLock { hashes in
            if hashes.count >= Self.limit { hashes = [:] }
            hashes[name] = made
        }
        return made
    }
}
