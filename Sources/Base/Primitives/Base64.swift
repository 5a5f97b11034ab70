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
        Self.decode(UnsafeRawBufferPointer(text))
    }

    /// As the above, of bytes that lie in one stretch of memory anyway.
    public static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
        var isGood = false
        let most = Self.room(for: text.count)
        let bytes = [UInt8](unsafeUninitializedCapacity: most) { room, count in
            guard let decoded = Self.decode(text, into: UnsafeMutableRawBufferPointer(room)) else {
                return
            }
            count = decoded
            isGood = true
        }
        return isGood ? bytes : nil
    }

    /// How much room decoding takes of so many bytes at most; some is written over and left.
    public static func room(for count: Int) -> Int { count / 4 * 3 + 4 }

    /// Decodes into memory that has room for it.
    ///
    /// - Parameters:
    ///   - text: what is decoded.
    ///   - room: at least ``room(for:)`` of its bytes.
    /// - Returns: how many bytes the text stands for; nil when it is no Base64.
    public static func decode(
        _ text: UnsafeRawBufferPointer,
        into room: UnsafeMutableRawBufferPointer
    ) -> Int? {
        var end = text.count
        while end > 0, text[end - 1] == UInt8(ascii: "=") { end -= 1 }
        guard text.count - end <= 2, end % 4 != 1, room.count >= Self.room(for: end) else {
            return nil
        }
        return Self.places.withUnsafeBufferPointer { places in
            Self.decode(UnsafeRawBufferPointer(rebasing: text[..<end]), by: places, into: room)
        }
    }

    private static func decode(
        _ digits: UnsafeRawBufferPointer,
        by places: UnsafeBufferPointer<UInt32>,
        into room: UnsafeMutableRawBufferPointer
    ) -> Int? {
        // Collects the bit that no value of a digit has.
        var all: UInt32 = 0
        var at = 0
        var count = 0
        while at + 4 <= digits.count {
            let bits =
                places[Int(digits[at])] | places[256 + Int(digits[at + 1])]
                | places[512 + Int(digits[at + 2])] | places[768 + Int(digits[at + 3])]
            all |= bits
            // Writes a byte too many, which the next digits or nobody has.
            room.storeBytes(of: (bits << 8).bigEndian, toByteOffset: count, as: UInt32.self)
            count += 3
            at += 4
        }
        // Two or three digits are left, or none.
        var bits: UInt32 = 0
        for place in 0..<(digits.count - at) {
            bits |= places[256 * place + Int(digits[at + place])]
        }
        all |= bits
        for place in 0..<max(0, digits.count - at - 1) {
            room[count] = UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * place))
            count += 1
        }
        return all < Self.noDigit ? count : nil
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

    private static let noDigit: UInt32 = 0x100_0000

    /// For each of four places, by byte: what it adds to the 24 bits of four digits, or ``noDigit``.
    private static let places: [UInt32] = [18, 12, 6, 0].flatMap { (shift: UInt32) in
        (UInt8.min...UInt8.max).map { byte in
            Self.value(of: byte).map { UInt32($0) << shift } ?? Self.noDigit
        }
    }

    private static func value(of byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
