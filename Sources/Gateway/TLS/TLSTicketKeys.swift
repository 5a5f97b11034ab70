internal import COpenSSL
internal import Synchronization

/// The keys of session tickets, shared by every context that is given them.
///
/// Two nodes with equal keys resume each other's sessions. Replaceable at run time from any
/// thread; handshakes read it under a lock held for one copy. Source: RFC 5077 section 4.
public final class TLSTicketKeys: Sendable {
    /// One key: how tickets name it, and the secrets for cipher and MAC.
    public struct Key: Equatable, Sendable {
        /// Bytes of a name.
        public static let nameByteCount = 16
        /// Bytes of the secret: 32 for AES-256, 32 for HMAC-SHA-256.
        public static let secretByteCount = 64

        /// Public, in every ticket; 16 bytes, different for different secrets.
        public let name: [UInt8]
        /// 64 bytes; a secret.
        public let secret: [UInt8]

        /// Creates a key; nil unless the name has 16 and the secret 64 bytes.
        public init?(name: [UInt8], secret: [UInt8]) {
            guard name.count == Self.nameByteCount, secret.count == Self.secretByteCount else {
                return nil
            }
            self.name = name
            self.secret = secret
        }

        /// A fresh key from OpenSSL's generator; nil when it has no entropy.
        public static func random() -> Key? {
            var bytes = [UInt8](repeating: 0, count: Self.nameByteCount + Self.secretByteCount)
            guard RAND_priv_bytes(&bytes, Int32(bytes.count)) == 1 else { return nil }
            return Key(
                name: Array(bytes.prefix(Self.nameByteCount)),
                secret: Array(bytes.dropFirst(Self.nameByteCount))
            )
        }
    }

    /// Most older keys that are accepted; the rest of a longer list is ignored.
    public static let acceptedLimit = 8

    private struct Ring: Sendable {
        var current: Key
        var accepted: [Key]
    }

    private let ring: Mutex<Ring>

    /// Creates the keys: tickets are made with `current` and taken with any.
    public init(current: Key, accepted: [Key] = []) {
        self.ring = Mutex(
            Ring(current: current, accepted: Array(accepted.prefix(Self.acceptedLimit)))
        )
    }

    /// Makes tickets with `current` from now on, and takes those of `accepted` too.
    ///
    /// A client that shows a ticket of an accepted key gets a new one.
    public func replace(current: Key, accepted: [Key]) {
        let ring = Ring(current: current, accepted: Array(accepted.prefix(Self.acceptedLimit)))
        self.ring.withLock { $0 = ring }
    }

    private var current: Key { self.ring.withLock { $0.current } }

    /// The key named by a ticket, and whether it is the current one.
    private func key(named name: UnsafeBufferPointer<UInt8>) -> (key: Key, isCurrent: Bool)? {
        self.ring.withLock { ring in
            if ring.current.name.elementsEqual(name) { return (ring.current, true) }
            return ring.accepted.first { $0.name.elementsEqual(name) }.map { ($0, false) }
        }
    }
}

extension TLSTicketKeys {
    private nonisolated(unsafe) static let cipher = EVP_CIPHER_fetch(nil, "AES-256-CBC", nil)

    /// What OpenSSL hands over to have a ticket made or taken.
    struct Ticket {
        /// 16 bytes.
        let name: UnsafeMutablePointer<UInt8>
        /// 16 bytes.
        let vector: UnsafeMutablePointer<UInt8>
        let cipher: OpaquePointer
        let code: OpaquePointer
    }

    /// Prepares a new ticket: key name and IV out, cipher and MAC keyed; 1, or -1 on failure.
    func seal(_ ticket: Ticket) -> Int32 {
        let key = self.current
        guard RAND_bytes(ticket.vector, 16) == 1 else { return -1 }
        for (index, byte) in key.name.enumerated() { ticket.name[index] = byte }
        let isPrepared = Self.prepare(key, code: ticket.code) { secret in
            EVP_EncryptInit_ex(ticket.cipher, Self.cipher, nil, secret, ticket.vector)
        }
        return isPrepared ? 1 : -1
    }

    /// Prepares to open a ticket: 1 known, 2 known and to be renewed, 0 unknown, -1 failure.
    ///
    /// Every session of TLS 1.3 gets a new ticket, since clients use one only once (RFC 8446
    /// appendix C.4).
    func open(_ ticket: Ticket, version: TLSSession.Version) -> Int32 {
        let name = UnsafeBufferPointer(start: ticket.name, count: Key.nameByteCount)
        guard let (key, isCurrent) = self.key(named: name) else { return 0 }
        let isPrepared = Self.prepare(key, code: ticket.code) { secret in
            EVP_DecryptInit_ex(ticket.cipher, Self.cipher, nil, secret, ticket.vector)
        }
        return isPrepared ? (isCurrent && version == .tls12 ? 1 : 2) : -1
    }

    private static func prepare(
        _ key: Key,
        code: OpaquePointer,
        cipher: (UnsafePointer<UInt8>) -> Int32
    ) -> Bool {
        key.secret.withUnsafeBufferPointer { bytes in
            guard let secret = bytes.baseAddress, cipher(secret) == 1 else { return false }
            return mesh_mac_key(code, UnsafeMutablePointer(mutating: secret + 32)) == 1
        }
    }
}

extension TLSTicketKeys: Equatable {
    /// Whether both are the same object, whose keys may change.
    public static func == (one: TLSTicketKeys, other: TLSTicketKeys) -> Bool { one === other }
}
