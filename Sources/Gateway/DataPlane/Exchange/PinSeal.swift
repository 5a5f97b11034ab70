internal import CSodium
internal import MeshHTTP
internal import MeshPrimitives

/// Writes and reads cookies that pin a client to a target: `v1.<target>.<code>`.
///
/// The code is BLAKE2b-128 of the target's number under a secret key, so that no client can choose
/// its target. A target's number stands for one address of one upstream: no other upstream takes
/// its cookie.
struct PinSeal {
    /// Bytes of a key.
    static let keyByteCount = 32
    /// Most keys that are remembered.
    static let keyLimit = 8

    private static let version: StaticString = "v1."
    private static let byteCount = 3 + 16 + 1 + 32

    /// The one that new cookies are made with comes first.
    private let keys: [[UInt8]]

    /// Creates a seal; keys of another length than 32 bytes are left out.
    init(keys: [[UInt8]]) {
        self.keys = Array(
            keys.lazy.filter { $0.count == Self.keyByteCount }.prefix(Self.keyLimit)
        )
    }

    /// Whether it can make cookies.
    var isUsable: Bool { !self.keys.isEmpty }

    /// Appends the cookie's value for a target.
    func write(_ target: TargetID, into writer: inout HeadWriter) {
        guard let key = self.keys.first else { return }
        let code = Self.code(of: target.rawValue, key)
        writer.write(Self.version)
        Self.write(target.rawValue, into: &writer)
        writer.write(byte: UInt8(ascii: "."))
        Self.write(code.0, into: &writer)
        Self.write(code.1, into: &writer)
    }

    /// The target that a cookie's value names; nil when this is none of ours.
    func target(of value: UnsafeRawBufferPointer) -> TargetID? {
        guard value.count == Self.byteCount,
            value.prefix(3).elementsEqual("v1.".utf8), value[19] == UInt8(ascii: "."),
            let target = Self.number(value, at: 3),
            let high = Self.number(value, at: 20), let low = Self.number(value, at: 36)
        else { return nil }
        for key in self.keys {
            let code = Self.code(of: target, key)
            // One comparison of all bits takes the same time however many of them are right.
            if (code.0 ^ high) | (code.1 ^ low) == 0 { return TargetID(rawValue: target) }
        }
        return nil
    }

    private static func code(of target: UInt64, _ key: [UInt8]) -> (UInt64, UInt64) {
        var words = (UInt64(0), UInt64(0))
        withUnsafeMutableBytes(of: &words) { digest in
            withUnsafeBytes(of: target.bigEndian) { content in
                guard let start = digest.baseAddress else { return }
                _ = crypto_generichash(
                    start.assumingMemoryBound(to: UInt8.self),
                    digest.count,
                    content.baseAddress?.assumingMemoryBound(to: UInt8.self),
                    UInt64(content.count),
                    key,
                    key.count
                )
            }
        }
        return (UInt64(bigEndian: words.0), UInt64(bigEndian: words.1))
    }

    /// Appends 16 hexadecimal digits.
    static func write(_ number: UInt64, into writer: inout HeadWriter) {
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            let nibble = UInt8(truncatingIfNeeded: number >> shift & 15)
            writer.write(byte: nibble < 10 ? nibble + 0x30 : nibble + 0x57)
        }
    }

    private static func number(_ bytes: UnsafeRawBufferPointer, at start: Int) -> UInt64? {
        var number: UInt64 = 0
        for byte in bytes[start..<start + 16] {
            switch byte {
            case 0x30...0x39: number = number << 4 | UInt64(byte - 0x30)
            case 0x61...0x66: number = number << 4 | UInt64(byte - 0x57)
            default: return nil
            }
        }
        return number
    }
}
