/// Kong's rules for the paths of services and routes.
///
/// Source: Kong 3.x, `kong.tools.uri`; RFC 3986, sections 2.3 (unreserved characters), 3.3 (paths)
/// and 6.2.2 (normal form).
public enum PathRule {
    /// What is wrong with a service's path, or `nil`.
    static func servicePath(_ path: String) -> String? {
        guard path.hasPrefix("/") else { return "should start with: /" }
        return Self.characters(path) ?? Self.segments(path)
    }

    /// What is wrong with a route's path, apart from whether a regex compiles, or `nil`.
    static func routePath(_ path: String) -> String? {
        if path.hasPrefix("~/") { return nil }
        guard path.hasPrefix("/") else {
            return "should start with: / (fixed path) or ~/ (regex path)"
        }
        if let message = Self.escapes(path) ?? Self.segments(path) { return message }
        guard Self.decoded(path) != nil else {
            return "escapes bytes that are no UTF-8, which a fixed path cannot hold; "
                + "use a regex path with \\xHH instead"
        }
        let normal = Self.normalized(path)
        return normal == path ? nil : "non-normalized path, consider use '\(normal)' instead"
    }

    /// The normal form of a prefix, in which requests are matched: only the reserved characters
    /// ``!*'();:@&=+$,/?%#[]`` stay escaped, in upper case; no dot segments.
    ///
    /// Escapes that do not decode to UTF-8 stay as they are.
    public static func normalized(_ path: String) -> String {
        Self.withoutDotSegments(Self.decoded(path) ?? path)
    }

    /// The path with every escape decoded that may be; `nil` if the result is no UTF-8.
    private static func decoded(_ path: String) -> String? {
        var decoded: [UInt8] = []
        let bytes = Array(path.utf8)
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let value = Self.octet(bytes[index + 1], bytes[index + 2])
            {
                if "!*'();:@&=+$,/?%#[]".utf8.contains(value) {
                    decoded += "%\(Self.hexadecimal(value))".utf8
                } else {
                    decoded.append(value)
                }
                index += 3
            } else {
                decoded.append(bytes[index])
                index += 1
            }
        }
        return String(validating: decoded, as: UTF8.self)
    }

    private static func withoutDotSegments(_ path: String) -> String {
        var kept: [Substring] = []
        let segments = path.split(separator: "/", omittingEmptySubsequences: true)
        for segment in segments where segment != "." {
            if segment == ".." { _ = kept.popLast() } else { kept.append(segment) }
        }
        let isFolder = path.hasSuffix("/") || path.hasSuffix("/.") || path.hasSuffix("/..")
        let joined = "/" + kept.joined(separator: "/")
        return isFolder && joined != "/" ? joined + "/" : joined
    }

    private static func segments(_ path: String) -> String? {
        path.contains("//") ? "must not have empty segments" : nil
    }

    private static func characters(_ path: String) -> String? {
        let legal = path.utf8.allSatisfy { byte in
            Self.isUnreserved(byte) || "!$&'()*+,;=:@/%#[]?".utf8.contains(byte)
        }
        guard legal else {
            return "invalid path: '\(path)' "
                + "(characters outside of the reserved list of RFC 3986 found)"
        }
        return Self.escapes(path)
    }

    /// Names the first bad escape.
    private static func escapes(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "%") {
            let digits = bytes[(index + 1)...].prefix(2)
            if digits.count == 2, Self.octet(digits[index + 1], digits[index + 2]) != nil {
                continue
            }
            let escape = String(decoding: bytes[index...].prefix(3), as: UTF8.self)
            return "invalid url-encoded value: '\(escape)'"
        }
        return nil
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        TextRule.isAlphanumeric(byte) || "-._~".utf8.contains(byte)
    }

    private static func octet(_ high: UInt8, _ low: UInt8) -> UInt8? {
        let digits = [high, low]
        guard digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else { return nil }
        return UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16, uppercase: true)
        return text.utf8.count == 1 ? "0\(text)" : text
    }
}
