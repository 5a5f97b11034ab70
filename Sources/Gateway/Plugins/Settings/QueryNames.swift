/// Names of the parameters in a query.
enum QueryNames {
    /// Whether `query`, with its `?`, has a parameter called `name`; escapes are decoded.
    static func contains(_ name: UnsafeRawBufferPointer, in query: UnsafeRawBufferPointer) -> Bool {
        guard query.count > 1 else { return false }
        var at = 1
        while at < query.count {
            var end = at
            while end < query.count, query[end] != UInt8(ascii: "&") { end += 1 }
            if Self.nameEquals(name, UnsafeRawBufferPointer(rebasing: query[at..<end])) {
                return true
            }
            at = end + 1
        }
        return false
    }

    private static func nameEquals(
        _ name: UnsafeRawBufferPointer,
        _ parameter: UnsafeRawBufferPointer
    ) -> Bool {
        var at = 0
        var matched = 0
        while at < parameter.count, parameter[at] != UInt8(ascii: "=") {
            var byte = parameter[at]
            if byte == UInt8(ascii: "+") {
                byte = UInt8(ascii: " ")
            } else if byte == UInt8(ascii: "%"), at + 2 < parameter.count,
                let high = Self.digit(parameter[at + 1]), let low = Self.digit(parameter[at + 2])
            {
                byte = high << 4 | low
                at += 2
            }
            guard matched < name.count, name[matched] == byte else { return false }
            matched += 1
            at += 1
        }
        return matched == name.count && matched > 0
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
