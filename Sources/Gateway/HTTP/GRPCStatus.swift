/// gRPC's status and message as fields of a response that has nothing else to say.
///
/// Source: Kong 3.x, `kong.pdk.response`; the gRPC protocol over HTTP/2, "Responses".
public enum GRPCStatus {
    /// Longest message that is written, before escaping: 1,024 bytes.
    private static let messageByteCount = 1_024

    /// The status of gRPC that Kong writes for one of HTTP.
    public static func code(forHTTP status: UInt16) -> UInt8 {
        switch status {
        case 200: 0
        case 400: 3
        case 401: 16
        case 403: 7
        case 404: 5
        case 409: 6
        case 429: 8
        case 499: 1
        case 500: 13
        case 501: 12
        case 503: 14
        case 504: 4
        case 400..<500: 3
        case 500..<600: 13
        default: 2
        }
    }

    /// Writes `grpc-status` and `grpc-message`, the message percent-encoded.
    public static func writeFields(
        forHTTP status: UInt16,
        message: UnsafeRawBufferPointer,
        into writer: inout HeadWriter
    ) {
        writer.write("grpc-status: ")
        writer.write(decimal: UInt64(Self.code(forHTTP: status)))
        writer.write("\r\ngrpc-message: ")
        for byte in message.prefix(Self.messageByteCount) {
            if byte >= 0x20, byte <= 0x7E, byte != UInt8(ascii: "%") {
                writer.write(byte: byte)
            } else {
                writer.write(escaped: byte)
            }
        }
        writer.write("\r\n")
    }

    /// The text of a body like Kong's `{"message":"…"}`, else the whole body.
    static func message(ofBody body: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let start: StaticString = "{\"message\":\""
        let count = start.utf8CodeUnitCount
        guard body.count >= count + 2, body[body.count - 1] == UInt8(ascii: "}"),
            body[body.count - 2] == UInt8(ascii: "\""),
            body.prefix(count).elementsEqual(
                UnsafeBufferPointer(start: start.utf8Start, count: count)
            )
        else { return body }
        return UnsafeRawBufferPointer(rebasing: body[count..<(body.count - 2)])
    }
}
