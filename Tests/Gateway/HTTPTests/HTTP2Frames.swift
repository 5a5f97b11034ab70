import MeshHTTP

/// A frame as it stands on the wire (RFC 9113 section 4.1).
struct RawFrame: Equatable {
    static let (data, headers, priority, rst, settings, push, ping, goaway, update, more) =
        (
            UInt8(0), UInt8(1), UInt8(2), UInt8(3), UInt8(4), UInt8(5), UInt8(6), UInt8(7),
            UInt8(8), UInt8(9)
        )
    static let endStream: UInt8 = 1
    static let ack: UInt8 = 1
    static let endHeaders: UInt8 = 4
    static let padded: UInt8 = 8
    static let prioritized: UInt8 = 32

    var type: UInt8
    var flags: UInt8 = 0
    var stream: UInt32 = 0
    var payload: [UInt8] = []

    var bytes: [UInt8] {
        let count = self.payload.count
        return [UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255)]
            + [self.type, self.flags] + word(self.stream) + self.payload
    }

    /// The code of RST_STREAM or GOAWAY.
    var code: HTTP2ErrorCode {
        let from = self.type == Self.goaway ? 4 : 0
        return HTTP2ErrorCode(rawValue: number(self.payload[from..<(from + 4)]))
    }

    /// Cuts bytes into frames; a frame that is not whole is left out.
    static func all(in bytes: [UInt8]) -> [RawFrame] {
        var frames: [RawFrame] = []
        var at = 0
        while at + 9 <= bytes.count {
            let count = Int(bytes[at]) << 16 | Int(bytes[at + 1]) << 8 | Int(bytes[at + 2])
            guard at + 9 + count <= bytes.count else { break }
            frames.append(
                RawFrame(
                    type: bytes[at + 3],
                    flags: bytes[at + 4],
                    stream: number(bytes[(at + 5)..<(at + 9)]) & 0x7FFF_FFFF,
                    payload: Array(bytes[(at + 9)..<(at + 9 + count)])
                )
            )
            at += 9 + count
        }
        return frames
    }

    /// HEADERS with a whole field list that no table is needed for.
    static func headers(
        _ fields: [(String, String)],
        on stream: UInt32,
        ends: Bool = true
    ) -> RawFrame {
        RawFrame(
            type: Self.headers,
            flags: Self.endHeaders | (ends ? Self.endStream : 0),
            stream: stream,
            payload: block(fields)
        )
    }

    static func data(_ text: String, on stream: UInt32, ends: Bool = false) -> RawFrame {
        RawFrame(
            type: Self.data,
            flags: ends ? Self.endStream : 0,
            stream: stream,
            payload: Array(text.utf8)
        )
    }

    static func reset(_ stream: UInt32, _ code: HTTP2ErrorCode = .cancel) -> RawFrame {
        RawFrame(type: Self.rst, stream: stream, payload: word(code.rawValue))
    }

    static func settings(_ pairs: [(UInt16, UInt32)] = []) -> RawFrame {
        RawFrame(
            type: Self.settings,
            payload: pairs.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] + word($1) }
        )
    }

    static func update(_ stream: UInt32, _ increment: UInt32) -> RawFrame {
        RawFrame(type: Self.update, stream: stream, payload: word(increment))
    }

    static let settingsAck = RawFrame(type: Self.settings, flags: Self.ack)
    static let pingFrame = RawFrame(type: Self.ping, payload: [UInt8](repeating: 7, count: 8))
}

func word(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
}

func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.reduce(0) { $0 << 8 | UInt32($1) }
}

/// A field block of literals without indexing (RFC 7541 section 6.2.2).
func block(_ fields: [(String, String)]) -> [UInt8] {
    fields.flatMap { [0] + literal($0) + literal($1) }
}

/// A string literal without Huffman coding (RFC 7541 section 5.2).
func literal(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
    var rest = bytes.count - 127
    var length: [UInt8] = [127]
    while rest >= 128 {
        length.append(UInt8(rest & 127 | 128))
        rest >>= 7
    }
    return length + [UInt8(rest)] + bytes
}

/// The least request.
let get: [(String, String)] = [
    (":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a.example"),
]

let post: [(String, String)] = [(":method", "POST")] + get.dropFirst()

let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
