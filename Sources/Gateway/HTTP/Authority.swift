/// `host [":" port]` of `Host` or of an absolute target (RFC 3986 section 3.2).
///
/// Of the characters a registered name may have, only letters, digits and `-._~` are taken: the
/// others (`,`, `%`, …) name no host in the world, and programs disagree about them. Credentials
/// (`user@`) are refused.
struct Authority {
    let whole: ByteRange
    let host: ByteRange
    /// 0 when there is none.
    let port: UInt16

    init?(parsing text: ByteRange, in octets: OctetView) {
        guard !text.isEmpty else { return nil }
        let isLiteral = octets[text.start] == UInt8(ascii: "[")
        var end = text.start
        if isLiteral {
            end += 1
            while end < text.end, Self.isLiteralByte(octets[end]) { end += 1 }
            guard end < text.end, octets[end] == UInt8(ascii: "]"), end > text.start + 2 else {
                return nil
            }
            end += 1
        } else {
            end = octets.endOfHostName(from: end, to: text.end)
            guard end > text.start else { return nil }
        }
        self.host = ByteRange(start: text.start, count: end - text.start)
        guard end < text.end else {
            self.whole = text
            self.port = 0
            return
        }
        guard octets[end] == Octet.colon else { return nil }
        let digits = ByteRange(start: end + 1, count: text.end - end - 1)
        guard !digits.isEmpty else {
            // RFC 9110 section 4.2.3: an empty port means the default one.
            self.whole = self.host
            self.port = 0
            return
        }
        guard digits.count <= 5, let number = octets.decimal(digits), number > 0,
            let port = UInt16(exactly: number)
        else { return nil }
        self.whole = text
        self.port = port
    }

    private static func isLiteralByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ":"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
