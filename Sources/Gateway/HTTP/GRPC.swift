/// What gRPC says in HTTP/2 fields: deadlines, statuses and their messages.
///
/// Source: "gRPC over HTTP2", PROTOCOL-HTTP2.md of the gRPC project.
public enum GRPC {
    /// Whether a `Content-Type` is gRPC's: `application/grpc`, alone or with `+` or `;` behind it.
    public static func isContentType(_ value: UnsafeRawBufferPointer) -> Bool {
        let octets = OctetView(value)
        let name: StaticString = "application/grpc"
        let count = name.utf8CodeUnitCount
        guard octets.count >= count, octets.equals(ByteRange(start: 0, count: count), name) else {
            return false
        }
        guard octets.count > count else { return true }
        let next = octets[count]
        return next == UInt8(ascii: "+") || next == Octet.semicolon || next == Octet.space
    }

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

    /// Writes a `grpc-timeout` that is not longer than `milliseconds`.
    public static func writeTimeout(_ milliseconds: UInt64, into writer: inout HeadWriter) {
        if milliseconds <= 99_999_999 {
            writer.write(decimal: milliseconds)
            writer.write("m")
        } else {
            writer.write(decimal: min(milliseconds / 1_000, 99_999_999))
            writer.write("S")
        }
    }

    /// The `grpc-status` of an answer that the gateway makes itself, as Kong maps statuses.
    public static func status(ofHTTP status: UInt16) -> UInt8 {
        switch status {
        case 200: 0
        case 401: 16
        case 403: 7
        case 404: 5
        case 409: 6
        case 429: 8
        case 499: 1
        case 501: 12
        case 503: 14
        case 504: 4
        case 400..<500: 3
        default: 13
        }
    }

    /// Writes a value of `grpc-message`: everything but printable ASCII without `%` is escaped.
    public static func writeMessage(
        _ message: UnsafeRawBufferPointer,
        into writer: inout HeadWriter
    ) {
        let octets = OctetView(message)
        for index in 0..<octets.count {
            let byte = octets[index]
            if (0x20...0x7E).contains(byte), byte != UInt8(ascii: "%") {
                writer.write(byte: byte)
            } else {
                writer.write(byte: UInt8(ascii: "%"))
                writer.write(byte: Self.digit(byte >> 4))
                writer.write(byte: Self.digit(byte & 15))
            }
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? 0x30 + value : 0x41 + value - 10
    }

    /// Writes a whole response without content that ends a call: `Trailers-Only` of the protocol.
    ///
    /// The HTTP status stays 200, since clients read the status of a call from `grpc-status` only
    /// then. It is sent as a head that ends its stream.
    ///
    /// - Parameters:
    ///   - status: The HTTP status that any other client would get; see ``status(ofHTTP:)``.
    ///   - message: What went wrong, unescaped.
    ///   - additionalFields: Whole lines, such as those of ``GeneratedResponse``.
    ///   - writer: Where it goes.
    public static func writeError(
        status: UInt16,
        message: UnsafeRawBufferPointer,
        additionalFields: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
        into writer: inout HeadWriter
    ) {
        writer.write("HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: ")
        writer.write(decimal: UInt64(Self.status(ofHTTP: status)))
        writer.write("\r\ngrpc-message: ")
        Self.writeMessage(message, into: &writer)
        writer.write("\r\n")
        writer.write(additionalFields)
        writer.write("\r\n")
    }
}
