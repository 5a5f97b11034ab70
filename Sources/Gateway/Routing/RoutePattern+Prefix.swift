extension RoutePattern {
    /// What makes a path a regex: `~/…`.
    static let regexMark = UInt8(ascii: "~")

    /// Bytes that every path matched by the pattern certainly begins with.
    ///
    /// A filter, so it may be too short but never wrong: it stops at the first thing that is not
    /// plainly one literal byte, and it is empty for a pattern with a choice outside of groups.
    static func literalPrefix(of regex: String) -> [UInt8] {
        let bytes = Array(regex.utf8)
        guard !self.hasOuterChoice(bytes) else { return [] }
        var literal: [UInt8] = []
        var index = 0
        while index < bytes.count {
            var byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "\\") {
                guard index < bytes.count, !Self.isWordOrHigh(bytes[index]) else { return literal }
                byte = bytes[index]
                index += 1
            } else if "^$.|?*+()[]{}".utf8.contains(byte) {
                return literal
            }
            // The byte belongs to the prefix unless what follows can make it optional.
            if index < bytes.count, "?*{".utf8.contains(bytes[index]) { return literal }
            literal.append(byte)
        }
        return literal
    }

    /// Whether a `|` may stand outside of all groups; in doubt, yes.
    private static func hasOuterChoice(_ bytes: [UInt8]) -> Bool {
        guard bytes.contains(UInt8(ascii: "|")) else { return false }
        var depth = 0
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\\"):
                guard index + 1 < bytes.count, bytes[index + 1] != UInt8(ascii: "Q") else {
                    return true
                }
                index += 1
            case UInt8(ascii: "["):
                // Where a class ends has many rules; a choice behind one counts as outer.
                return bytes[index...].contains(UInt8(ascii: "|"))
            case UInt8(ascii: "("):
                guard Self.opensPlainGroup(bytes, at: index) else { return true }
                depth += 1
            case UInt8(ascii: ")"): depth -= 1
            case UInt8(ascii: "|") where depth <= 0: return true
            default: break
            }
            index += 1
        }
        return false
    }

    /// Whether the parenthesis opens a group that ends at its own closing one; comments and option
    /// settings may hide parentheses.
    private static func opensPlainGroup(_ bytes: [UInt8], at index: Int) -> Bool {
        let following = bytes.dropFirst(index + 1).prefix(2)
        switch following.first {
        case UInt8(ascii: "*"): return false
        case UInt8(ascii: "?"):
            guard let kind = following.last, following.count == 2 else { return false }
            return ":<P=!".utf8.contains(kind)
        default: return true
        }
    }

    private static func isWordOrHigh(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), 0x80...0xFF:
            true
        default: false
        }
    }
}
