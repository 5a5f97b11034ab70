/// Base64 in either alphabet, with or without padding (RFC 4648 sections 4 and 5).
public enum Base64 {
    /// The bytes that a text stands for; nil when it is no Base64.
    ///
    /// Fastest where the text lies in one stretch of memory; a generic loop would cost a call per byte
    /// across modules.
    @inlinable
    public static func decode<Text: Collection<UInt8>>(_ text: Text) -> [UInt8]? {
        let decoded = text.withContiguousStorageIfAvailable { Self.decoded($0) }
        if let decoded { return decoded }
        return Array(text).withUnsafeBufferPointer { Self.decoded($0) }
    }

    @usableFromInline
    static func decoded(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        var digits = text[...]
        while digits.last == UInt8(ascii: "=") { digits.removeLast() }
        guard text.count - digits.count <= 2, digits.count % 4 != 1 else { return nil }
        var isGood = true
        let bytes = [UInt8](unsafeUninitializedCapacity: digits.count / 4 * 3 + 3) { room, count in
            isGood = Self.values.withUnsafeBufferPointer { values in
                Self.decode(UnsafeBufferPointer(rebasing: digits), by: values, into: room, &count)
            }
        }
        return isGood ? bytes : nil
    }

    private static func decode(
        _ digits: UnsafeBufferPointer<UInt8>,
        by values: UnsafeBufferPointer<UInt8>,
        into room: UnsafeMutableBufferPointer<UInt8>,
        _ count: inout Int
    ) -> Bool {
        // Collects the bit that no value of a digit has.
        var all: UInt8 = 0
        var at = 0
        while at + 4 <= digits.count {
            let (first, second) = (values[Int(digits[at])], values[Int(digits[at + 1])])
            let (third, fourth) = (values[Int(digits[at + 2])], values[Int(digits[at + 3])])
            all |= first | second | third | fourth
            let bits =
                UInt32(first & 63) << 18 | UInt32(second & 63) << 12 | UInt32(third & 63) << 6
                | UInt32(fourth & 63)
            room[count] = UInt8(truncatingIfNeeded: bits >> 16)
            room[count + 1] = UInt8(truncatingIfNeeded: bits >> 8)
            room[count + 2] = UInt8(truncatingIfNeeded: bits)
            count += 3
            at += 4
        }
        // Two or three digits are left, or none.
        var bits: UInt32 = 0
        for place in 0..<(digits.count - at) {
            let value = values[Int(digits[at + place])]
            all |= value
            bits |= UInt32(value & 63) << UInt32(18 - 6 * place)
        }
        for place in 0..<max(0, digits.count - at - 1) {
            room[count] = UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * place))
            count += 1
        }
        return all < Self.noDigit
    }

    /// Which digits stand for 62 and 63.
    public enum Alphabet: String, Sendable {
        /// `+` and `/` (section 4).
        case plain = "+/"
        /// `-` and `_` (section 5), which need no escape in addresses and cookies.
        case url = "-_"
    }

    /// The text of bytes without padding.
    public static func encode(_ bytes: [UInt8], alphabet: Alphabet = .plain) -> String {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        let digits = Array((letters + alphabet.rawValue).utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let piece = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for offset in 0..<3 {
                bits = bits << 8 | (offset < piece.count ? UInt32(piece[start + offset]) : 0)
            }
            for place in 0...piece.count {
                text.append(digits[Int(bits >> UInt32(18 - 6 * place) & 63)])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static let noDigit: UInt8 = 0x80

    /// By byte: what it stands for, or ``noDigit``.
    private static let values: [UInt8] = (UInt8.min...UInt8.max).map { byte in
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: Self.noDigit
        }
    }
}
