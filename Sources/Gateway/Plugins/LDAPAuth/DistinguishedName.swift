/// Distinguished names in text (RFC 4514).
enum DistinguishedName {
    private static let digits = Array("0123456789abcdef".utf8)

    /// A value as it stands in a name: whatever a client sends, it stays one value.
    ///
    /// Everything but letters, digits and a few signs is escaped by its hexadecimal digits, which section
    /// 2.4 allows for any byte.
    static func escaped(_ value: [UInt8]) -> String {
        var bytes: [UInt8] = []
        for byte in value {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"), UInt8(ascii: "@"):
                bytes.append(byte)
            default:
                bytes += [
                    UInt8(ascii: "\\"), Self.digits[Int(byte >> 4)], Self.digits[Int(byte & 15)],
                ]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
