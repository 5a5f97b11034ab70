/// An origin as its parts that count: scheme, host and a port that is not the scheme's own.
///
/// Offsets only; comparing two origins allocates nothing. Source: Kong 3.9, `cors`,
/// `normalize_origin`; RFC 6454 section 6.
struct WebOrigin {
    /// Scheme, host and port as they are compared.
    let domain: Range<Int>
    /// The host alone.
    let host: Range<Int>

    /// Reads an origin; one that names no host is compared as a whole.
    init(_ text: UnsafeRawBufferPointer) {
        let whole = 0..<text.count
        let scheme = Self.schemeCount(text)
        let slashes = scheme > 0 ? scheme + 1 : 0
        guard slashes + 2 <= text.count, text[slashes] == UInt8(ascii: "/"),
            text[slashes + 1] == UInt8(ascii: "/")
        else {
            self.domain = whole
            self.host = whole
            return
        }
        let start = slashes + 2
        let end = text[start...].firstIndex { "/?#".utf8.contains($0) } ?? text.count
        let portMark = Self.portMark(text[start..<end]) ?? end
        // Origins carry no user; one that does is not taken apart and equals nothing configured.
        guard portMark > start, !text[start..<end].contains(UInt8(ascii: "@")) else {
            self.domain = whole
            self.host = whole
            return
        }
        let isStandard = Self.isStandardPort(
            UnsafeRawBufferPointer(rebasing: text[min(portMark + 1, end)..<end]),
            UnsafeRawBufferPointer(rebasing: text[..<scheme])
        )
        let hasPort = portMark + 1 < end && !isStandard
        self.domain = (scheme > 0 ? 0 : start)..<(hasPort ? end : portMark)
        self.host = start..<portMark
    }

    private static func schemeCount(_ text: UnsafeRawBufferPointer) -> Int {
        for (index, byte) in text.enumerated() {
            switch byte {
            case UInt8(ascii: ":"): return index
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
                continue
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "."),
                UInt8(ascii: "-"):
                if index == 0 { return 0 }
            default: return 0
            }
        }
        return 0
    }

    /// Where the colon before a port stands; a bracketed address has colons of its own.
    private static func portMark(_ authority: Slice<UnsafeRawBufferPointer>) -> Int? {
        var index = authority.endIndex
        while index > authority.startIndex {
            index -= 1
            let byte = authority[index]
            if byte == UInt8(ascii: ":") { return index }
            guard byte >= 0x30, byte <= 0x39 else { return nil }
        }
        return nil
    }

    private static func isStandardPort(
        _ port: UnsafeRawBufferPointer,
        _ scheme: UnsafeRawBufferPointer
    ) -> Bool {
        (port.elementsEqual("80".utf8) && scheme.elementsEqual("http".utf8))
            || (port.elementsEqual("443".utf8) && scheme.elementsEqual("https".utf8))
    }
}
