/// What gRPC says in the fields of a request: its deadline.
///
/// Source: "gRPC over HTTP2", PROTOCOL-HTTP2.md of the gRPC project.
public enum GRPC {
    /// Longest deadline that is told apart from none, in milliseconds: a year.
    public static let longestTimeout: UInt64 = 31_536_000_000

    /// Reads `grpc-timeout`: one to eight digits and a unit (`H`, `M`, `S`, `m`, `u`, `n`).
    ///
    /// - Returns: Milliseconds, rounded up, from 0 to ``longestTimeout``; nil for anything else.
    public static func timeout(_ value: UnsafeRawBufferPointer) -> UInt64? {
        let octets = OctetView(value)
        guard octets.count >= 2, octets.count <= 9,
            let amount = octets.decimal(ByteRange(start: 0, count: octets.count - 1))
        else { return nil }
        // Eight digits of hours are below 2^49 milliseconds.
        let milliseconds: UInt64
        switch octets[octets.count - 1] {
        case UInt8(ascii: "H"): milliseconds = amount * 3_600_000
        case UInt8(ascii: "M"): milliseconds = amount * 60_000
        case UInt8(ascii: "S"): milliseconds = amount * 1_000
        case UInt8(ascii: "m"): milliseconds = amount
        case UInt8(ascii: "u"): milliseconds = (amount + 999) / 1_000
        case UInt8(ascii: "n"): milliseconds = (amount + 999_999) / 1_000_000
        default: return nil
        }
        return min(milliseconds, Self.longestTimeout)
    }
}
