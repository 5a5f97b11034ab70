internal import MeshEntities

/// What a plain YAML 1.1 scalar means.
///
/// Source: yaml.org/type, with the words that Kong's reader knows; infinities and not-a-number stay
/// texts, so that they are refused where a number is expected.
enum YAMLScalar {
    static func value(_ text: String) -> DocumentValue {
        guard Self.mayBeMore(text) else { return .string(text) }
        return switch text {
        case "", "~", "null", "Null", "NULL": .null
        case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON": .bool(true)
        case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF": .bool(false)
        default: Self.number(text) ?? .string(text)
        }
    }

    /// Whether a text begins as one does that is no text; nearly all others do not.
    private static func mayBeMore(_ text: String) -> Bool {
        guard let first = text.utf8.first else { return true }
        return Self.isDigit(first) || "~nNtTyYoOfF+-.".utf8.contains(first)
    }

    private static func number(_ text: String) -> DocumentValue? {
        guard let first = text.utf8.first, text.utf8.count <= 64, first < 0x40 else { return nil }
        let isNegative = first == UInt8(ascii: "-")
        let unsigned = isNegative || first == UInt8(ascii: "+") ? text.dropFirst() : text[...]
        let digits = String(unsigned.filter { $0 != "_" })
        guard let lead = unsigned.utf8.first,
            Self.isDigit(lead) || lead == UInt8(ascii: ".")
        else { return nil }
        if let whole = Self.whole(digits, isNegative: isNegative) { return .integer(whole) }
        guard digits.utf8.contains(where: Self.isDigit),
            digits.utf8.allSatisfy({ Self.isDigit($0) || ".eE+-".utf8.contains($0) }),
            !digits.hasPrefix("0x"), let number = Double(isNegative ? "-\(digits)" : digits),
            number.isFinite
        else { return nil }
        return .number(number)
    }

    private static func whole(_ digits: String, isNegative: Bool) -> Int64? {
        let (text, radix): (Substring, Int) =
            if digits.hasPrefix("0x") {
                (digits.dropFirst(2), 16)
            } else if digits.hasPrefix("0b") {
                (digits.dropFirst(2), 2)
            } else if digits.hasPrefix("0o") {
                (digits.dropFirst(2), 8)
            } else if digits.hasPrefix("0"), digits.utf8.count > 1 {
                (digits.dropFirst(1), 8)
            } else {
                (digits[...], 10)
            }
        guard let first = text.utf8.first, first != UInt8(ascii: "-"), first != UInt8(ascii: "+")
        else { return nil }
        return Int64(isNegative ? "-\(text)" : String(text), radix: radix)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
