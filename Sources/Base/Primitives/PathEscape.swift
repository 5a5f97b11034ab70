/// Percent-encoding of a decoded path on its way back into a request line.
///
/// Bytes other than ``! # $ & ' ( ) * + , / : ; = ? @ [ ] A-Z a-z 0-9 - _ . ~ %`` are escaped; `%`
/// is left alone since the escapes of reserved characters stay in a decoded path.
///
/// Source: Kong 3.x, `kong.tools.uri` (escape); RFC 3986 section 2.
public enum PathEscape {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080

    /// Whether the byte must be escaped.
    @inline(__always)
    public static func isUnsafe(_ byte: UInt8) -> Bool {
        // One bit per byte value: controls, space, `"`, `<`, `>`; then `\`, `^`, `` ` ``, `{|}`, DEL.
        let low: UInt64 = 0x5000_0005_FFFF_FFFF
        let high: UInt64 = 0xB800_0001_5000_0000
        guard byte < 0x80 else { return true }
        return (byte < 0x40 ? low : high) &>> UInt64(byte & 63) & 1 != 0
    }

    /// Index of the first byte that must be escaped, or the count; eight bytes at a time.
    public static func firstUnsafe(in bytes: UnsafeRawBufferPointer) -> Int {
        var index = 0
        while bytes.count &- index >= 8 {
            if Self.isSuspect(bytes, at: index) {
                for place in index..<(index &+ 8) where Self.isUnsafe(bytes[place]) {
                    return place
                }
            }
            index &+= 8
        }
        guard index < bytes.count else { return bytes.count }
        // The last word overlaps the one before.
        if bytes.count >= 8, !Self.isSuspect(bytes, at: bytes.count &- 8) { return bytes.count }
        while index < bytes.count, !Self.isUnsafe(bytes[index]) { index &+= 1 }
        return index
    }

    /// Whether one of eight bytes may have to be escaped; may say yes for `~`, never no for one
    /// that must be.
    @inline(__always)
    private static func isSuspect(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Bool {
        let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        let belowMark = (word &- Self.ones &* 0x21) & ~word
        let aboveLetters = word &+ Self.ones &* (0x80 - 0x7B)
        // `<` and `>`, `\` and `^` differ in one bit.
        let paired = word | Self.ones &* 2
        let marks =
            Self.zeros(word ^ Self.ones &* 0x22) | Self.zeros(paired ^ Self.ones &* 0x3E)
            | Self.zeros(paired ^ Self.ones &* 0x5E) | Self.zeros(word ^ Self.ones &* 0x60)
        return (word | belowMark | aboveLetters | marks) & Self.highs != 0
    }

    /// The top bit of the lowest byte that is zero, and perhaps of bytes above it.
    @inline(__always)
    private static func zeros(_ word: UInt64) -> UInt64 { (word &- Self.ones) & ~word }

    /// Copies `bytes` with escapes where they must be; returns the count written.
    ///
    /// - Parameters:
    ///   - bytes: a path in decoded form.
    ///   - output: where to write; must not overlap; three times the bytes always suffice.
    /// - Returns: `nil` when there is too little room.
    public static func write(
        _ bytes: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) -> Int? {
        let plain = Self.firstUnsafe(in: bytes)
        guard plain <= output.count else { return nil }
        output.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<plain]))
        if plain == bytes.count { return plain }
        return Self.writeSlowly(bytes, from: plain, into: output)
    }

    @inline(never)
    private static func writeSlowly(
        _ bytes: UnsafeRawBufferPointer,
        from start: Int,
        into output: UnsafeMutableRawBufferPointer
    ) -> Int? {
        var written = start
        for byte in bytes[start...] {
            let isUnsafe = Self.isUnsafe(byte)
            guard output.count - written >= (isUnsafe ? 3 : 1) else { return nil }
            if isUnsafe {
                output[written] = UInt8(ascii: "%")
                output[written + 1] = Self.digit(byte >> 4)
                output[written + 2] = Self.digit(byte & 15)
                written += 3
            } else {
                output[written] = byte
                written += 1
            }
        }
        return written
    }

    /// An upper-case hexadecimal digit; `value` is below 16.
    @inline(__always)
    public static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") &+ value : UInt8(ascii: "A") &+ value &- 10
    }
}
