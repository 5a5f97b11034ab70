/// A host or server name of a route: whole, or with one wildcard label at either end.
struct NamePattern: Hashable {
    /// Which end of a name the text stands for.
    enum Kind: UInt8 {
        /// The whole name.
        case exact
        /// `*.example.com`: the end of a name, from the dot.
        case suffix
        /// `example.*`: the beginning of a name, up to and with the dot.
        case prefix
    }

    let kind: Kind
    /// Lower-case bytes without the star.
    let text: [UInt8]
    /// The port that the request must have come to; `nil` for any.
    let port: UInt16?

    /// Reads `name`, `*.name` or `name.*`, each with or without `:port`.
    init(_ written: String) {
        var bytes = written.utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
        var port: UInt16?
        let colon = UInt8(ascii: ":")
        if let last = bytes.lastIndex(of: colon), Self.isPortMark(last, in: bytes),
            let number = UInt16(String(decoding: bytes[(last + 1)...], as: UTF8.self))
        {
            port = number
            bytes.removeSubrange(last...)
        }
        self.port = port
        switch UInt8(ascii: "*") {
        case bytes.first:
            self.kind = .suffix
            self.text = Array(bytes.dropFirst())
        case bytes.last:
            self.kind = .prefix
            self.text = Array(bytes.dropLast())
        default:
            self.kind = .exact
            self.text = bytes
        }
    }

    /// Whether the colon ends a name or a bracketed address, and is not part of a bare IPv6 one.
    private static func isPortMark(_ place: Int, in bytes: [UInt8]) -> Bool {
        bytes.firstIndex(of: UInt8(ascii: ":")) == place
            || (place > 0 && bytes[place - 1] == UInt8(ascii: "]"))
    }
}
