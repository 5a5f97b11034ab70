/// What the first bytes of a TCP stream are, without taking part in the handshake.
///
/// For connections that are passed through by server name. Pure; never traps, whatever the bytes.
public enum ClientHelloPeek: Equatable, Sendable {
    /// Too few bytes to tell; look again when more have come.
    case incomplete
    /// No hello of a TLS client, a malformed one, or one that ends beyond ``byteLimit``.
    case notTLS
    /// A whole hello.
    case found(ClientHello)

    /// Bytes of the stream, record headers included, that a hello must end within: 16 KiB.
    ///
    /// Real hellos have 250 to 2,000 bytes, with post-quantum key shares more. Once so many
    /// bytes are there, the answer is never ``incomplete``.
    public static let byteLimit = 16_384

    /// Looks at all bytes that have come since the connection began.
    ///
    /// The hello may be fragmented over records (RFC 8446 section 5.1). Linear in the bytes;
    /// allocates only for a whole hello.
    public static func peek(_ bytes: UnsafeRawBufferPointer) -> ClientHelloPeek {
        let bytes = UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.byteLimit))
        var fragments = HandshakeFragments(bytes)
        while let isSound = fragments.advance() {
            guard isSound else { return .notTLS }
            guard let needed = fragments.helloByteCount else { continue }
            guard needed <= Self.byteLimit else { return .notTLS }
            guard fragments.byteCount >= needed else { continue }
            let message = fragments.gathered(needed)
            return message.withUnsafeBytes { message in
                let body = UnsafeRawBufferPointer(rebasing: message.dropFirst(4))
                return ClientHello(body).map(Self.found) ?? .notTLS
            }
        }
        return bytes.count < Self.byteLimit ? .incomplete : .notTLS
    }
}

/// The handshake bytes in a row of records, of which the last may be cut off.
///
///     | 22 | 3 | minor | length 1…16384 (2) | fragment |
private struct HandshakeFragments {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0
    /// First four handshake bytes: type (1) and length (3).
    private var header: UInt32 = 0
    private(set) var byteCount = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Goes to the next record: whether it is sound, or nil when no byte of it is there.
    ///
    /// A cut header is sound as far as it goes.
    mutating func advance() -> Bool? {
        guard self.offset < self.bytes.count else { return nil }
        guard let fragment = self.fragment(at: self.offset) else { return false }
        for index in fragment.prefix(max(0, 4 - self.byteCount)) {
            self.header = self.header << 8 | UInt32(self.bytes[index])
        }
        self.byteCount += fragment.count
        self.offset = fragment.isEmpty ? self.bytes.count : fragment.upperBound
        return self.byteCount == 0 || self.startsHello
    }

    /// Bytes of the hello and its header; nil before the header is there.
    var helloByteCount: Int? { self.byteCount < 4 ? nil : Int(self.header & 0xFF_FFFF) + 4 }

    /// The first handshake bytes, without the record headers between them.
    func gathered(_ count: Int) -> [UInt8] {
        var message: [UInt8] = []
        message.reserveCapacity(count)
        var offset = 0
        while message.count < count, let fragment = self.fragment(at: offset), !fragment.isEmpty {
            message += self.bytes[fragment].prefix(count - message.count)
            offset = fragment.upperBound
        }
        return message
    }

    /// Whether the first handshake byte is that of a hello (RFC 8446 section 4).
    private var startsHello: Bool {
        self.header >> (8 * UInt32(min(self.byteCount, 4) - 1)) == 1
    }

    /// What is there of the record's fragment; empty when the header is cut off, nil if unsound.
    private func fragment(at offset: Int) -> Range<Int>? {
        let there = self.bytes.count - offset
        guard self.bytes[offset] == 22, there < 2 || self.bytes[offset + 1] == 3 else { return nil }
        guard there >= 5 else { return self.bytes.count..<self.bytes.count }
        let length = Int(self.bytes[offset + 3]) << 8 | Int(self.bytes[offset + 4])
        guard (1...16_384).contains(length) else { return nil }
        return (offset + 5)..<(offset + 5 + min(length, there - 5))
    }
}
