internal import CSodium
internal import MeshEntities
internal import Synchronization

/// Which pairs of a hash and a password were found to belong together, so that a request with a
/// known password costs a look-up.
///
/// Holds no password: each pair is kept as 128 bits of BLAKE2b under a key that is drawn at start
/// and leaves no memory. A pair takes the place of whichever stood in its own; a password that was
/// changed has another hash, and is never found. Halves of two pairs that are written at once match
/// nothing.
final class VerifiedPasswords: Sendable {
    /// Most pairs that are remembered; 1 MiB.
    private static let capacity = 65_536

    /// Those of this process.
    static let shared = VerifiedPasswords()

    private let key: [UInt8]
    /// Bound once, never freed; what it points to is atomic.
    private nonisolated(unsafe) let words: UnsafeMutablePointer<Atomic<UInt64>>

    /// What stands for a pair.
    struct Digest: Equatable {
        let high: UInt64
        let low: UInt64

        /// The place of the first half; the second one follows.
        fileprivate var place: Int {
            2 * Int(truncatingIfNeeded: self.low % UInt64(VerifiedPasswords.capacity))
        }
    }

    init() {
        _ = sodium_init()
        var key = [UInt8](repeating: 0, count: 32)
        randombytes_buf(&key, key.count)
        self.key = key
        self.words = .allocate(capacity: 2 * Self.capacity)
        for index in 0..<(2 * Self.capacity) { (self.words + index).initialize(to: Atomic(0)) }
    }

    deinit {
        self.words.deinitialize(count: 2 * Self.capacity)
        self.words.deallocate()
    }

    /// What stands for a pair.
    func digest(_ credential: EntityID, _ hash: String, _ password: [UInt8]) -> Digest {
        let text = Array("\(credential)\n\(hash)\n".utf8) + password
        var bytes = [UInt8](repeating: 0, count: 16)
        crypto_generichash(
            &bytes,
            bytes.count,
            text,
            UInt64(text.count),
            self.key,
            self.key.count
        )
        return bytes.withUnsafeBytes { bytes in
            Digest(
                high: bytes.loadUnaligned(as: UInt64.self),
                low: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            )
        }
    }

    func contains(_ digest: Digest) -> Bool {
        self.words[digest.place].load(ordering: .relaxed) == digest.high
            && self.words[digest.place + 1].load(ordering: .relaxed) == digest.low
    }

    func insert(_ digest: Digest) {
        self.words[digest.place].store(digest.high, ordering: .relaxed)
        self.words[digest.place + 1].store(digest.low, ordering: .relaxed)
    }
}
