/// The secrets that make a cluster: keys by epoch, one of which seals, all of which open.
///
/// As text, one key per line, and `#` starts a comment:
///
///     # epoch  32 bytes as base64                           mark
///     1        q7PLmYJnhS0xUdvTsmgB1gPjNFI8DiTJRLe0Zc6mN1E=
///     2        7iqqJcGn5wEe4tFBlBfbrnuu5T3uvSwzOlyEyYQ0pnU=  primary
///
/// The line marked `primary` seals; without a mark, the highest epoch. In a running mesh keys are
/// changed by ``KeyRotation``. Whoever reads the file checks that only its owner can.
public struct KeyRing: Equatable, Sendable {
    /// Keys that one ring may hold: 16.
    public static let maximumKeyCount = 16

    /// Counts the changes of the ring in the running mesh; 0 for one that comes from a file.
    public let version: UInt32
    /// The epoch whose key seals.
    public let sealingEpoch: UInt16
    let sealingSecret: [UInt8]
    let secrets: [UInt16: [UInt8]]

    /// Creates a ring of one key from 32 secret bytes; traps on another size.
    public init(epoch: UInt16 = 1, secret: [UInt8]) {
        precondition(secret.count == Sodium.keyByteCount, "a key has 32 bytes")
        self.version = 0
        self.sealingEpoch = epoch
        self.sealingSecret = secret
        self.secrets = [epoch: secret]
    }

    /// Creates a ring; `nil` unless `sealingEpoch` and one to 16 keys of 32 bytes are there.
    init?(version: UInt32, sealingEpoch: UInt16, secrets: [UInt16: [UInt8]]) {
        guard let sealing = secrets[sealingEpoch], secrets[0] == nil,
            (1...Self.maximumKeyCount).contains(secrets.count),
            secrets.values.allSatisfy({ $0.count == Sodium.keyByteCount })
        else { return nil }
        self.version = version
        self.sealingEpoch = sealingEpoch
        self.sealingSecret = sealing
        self.secrets = secrets
    }

    /// Draws a new ring of one key from the kernel's generator.
    public static func generated() -> KeyRing {
        KeyRing(secret: Sodium.entropy(byteCount: Sodium.keyByteCount))
    }

    /// Reads a key ring's text.
    ///
    /// - Throws: ``KeyRingError`` for the first line that is wrong.
    public init(parsing text: String) throws(KeyRingError) {
        var secrets: [UInt16: [UInt8]] = [:]
        var primary: UInt16?
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            guard let entry = try Entry(parsing: line, line: index + 1) else { continue }
            guard secrets[entry.epoch] == nil else {
                throw .duplicateEpoch(line: index + 1, epoch: entry.epoch)
            }
            guard secrets.count < Self.maximumKeyCount else { throw .tooManyKeys(line: index + 1) }
            secrets[entry.epoch] = entry.secret
            guard entry.isPrimary else { continue }
            if let primary { throw .secondPrimary(line: index + 1, first: primary) }
            primary = entry.epoch
        }
        guard let sealing = primary ?? secrets.keys.max(), let secret = secrets[sealing] else {
            throw .empty
        }
        self.version = 0
        self.sealingEpoch = sealing
        self.sealingSecret = secret
        self.secrets = secrets
    }

    /// All epochs that this ring opens, ascending.
    public var epochs: [UInt16] { self.secrets.keys.sorted() }

    /// The ring in its text form; secret.
    public var text: String {
        let lines = self.secrets.sorted { $0.key < $1.key }
            .map { epoch, secret in
                let mark = epoch == self.sealingEpoch ? " primary" : ""
                return "\(epoch) \(Sodium.encodeBase64(secret))\(mark)\n"
            }
        return "# Meshgate key ring: every node of one cluster needs a key in common. Secret.\n"
            + lines.joined()
    }
}

extension KeyRing: CustomStringConvertible {
    /// The epochs only, so that no log or error ever shows a key.
    public var description: String {
        "key ring of epochs \(self.epochs.map(String.init).joined(separator: ", "))"
            + ", sealing with \(self.sealingEpoch)"
    }
}

extension KeyRing: CustomReflectable {
    /// Hides the secrets from `dump` and debuggers.
    public var customMirror: Mirror { Mirror(self, children: ["epochs": self.epochs]) }
}

/// One line of a key ring.
private struct Entry {
    let epoch: UInt16
    let secret: [UInt8]
    let isPrimary: Bool

    /// Reads one line; `nil` when nothing but a comment is on it.
    init?(parsing text: Substring, line: Int) throws(KeyRingError) {
        let content = text.prefix { $0 != "#" }
        let fields = content.split(whereSeparator: \.isWhitespace)
        guard let first = fields.first else { return nil }
        guard (2...3).contains(fields.count) else {
            throw .fieldCount(line: line, found: fields.count)
        }
        guard let epoch = UInt16(first), epoch > 0 else {
            throw .invalidEpoch(line: line, found: String(first.prefix(20)))
        }
        guard let secret = Sodium.decodeBase64(fields[1], limit: 64) else {
            throw .invalidKey(line: line, epoch: epoch)
        }
        guard secret.count == Sodium.keyByteCount else {
            throw .keySize(line: line, epoch: epoch, byteCount: secret.count)
        }
        if fields.count == 3, fields[2] != "primary" {
            throw .unknownMark(line: line, found: String(fields[2].prefix(20)))
        }
        self.epoch = epoch
        self.secret = secret
        self.isPrimary = fields.count == 3
    }
}
