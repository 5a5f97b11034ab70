internal import MeshHTTP

/// Takes the framing off an HTTP/1 body, whatever the pieces it arrives in.
///
/// Bodies are plain inside the gateway. A body framed by its length passes without a copy; of a
/// chunked one, data after the first chunk of a piece is moved down, so that a piece is always one
/// stretch of bytes.
struct BodyDecoder {
    /// What one piece of input was.
    struct Piece {
        /// The plain bytes, within the input.
        let plain: UnsafeRawBufferPointer
        /// Bytes of input that belong to the body; what follows is somebody else's.
        let consumed: Int
        /// Whether the body has ended.
        let hasEnded: Bool
        /// Why the body is refused; ``plain`` came before.
        let fault: HTTPFault?
    }

    /// How the body ends; `length` counts what is still to come.
    private(set) var framing: MessageFraming
    private var chunks = ChunkedDecoder()
    /// Trailer lines of a chunked body, collected as they come.
    var trailers = BlockQueue()

    init(_ framing: MessageFraming) { self.framing = framing }

    /// Whether no byte of the body is to come.
    @inline(__always)
    var hasEnded: Bool { self.framing == .none }

    /// Whether the end of the connection is the end of the body.
    var endsByClose: Bool { self.framing == .untilClose }

    /// Reads one piece.
    @inline(__always)
    mutating func decode(_ bytes: UnsafeRawBufferPointer, _ pool: inout BlockPool) -> Piece {
        switch self.framing {
        case .none:
            return Piece(
                plain: UnsafeRawBufferPointer(rebasing: bytes[..<0]),
                consumed: 0,
                hasEnded: true,
                fault: nil
            )
        case .length(let remaining):
            guard UInt64(bytes.count) >= remaining else {
                self.framing = .length(remaining &- UInt64(bytes.count))
                return Piece(plain: bytes, consumed: bytes.count, hasEnded: false, fault: nil)
            }
            self.framing = .none
            let count = Int(remaining)
            let plain = UnsafeRawBufferPointer(rebasing: bytes[..<count])
            return Piece(plain: plain, consumed: count, hasEnded: true, fault: nil)
        case .untilClose:
            return Piece(plain: bytes, consumed: bytes.count, hasEnded: false, fault: nil)
        case .chunked: return self.decodeChunks(bytes, &pool)
        }
    }

    private mutating func decodeChunks(
        _ bytes: UnsafeRawBufferPointer,
        _ pool: inout BlockPool
    ) -> Piece {
        // The input is the worker's own buffer, of which nobody else needs the framing.
        let room = UnsafeMutableRawBufferPointer(mutating: bytes)
        var position = 0
        var start = 0
        var count = 0
        while true {
            var consumed = bytes.count
            var hasEnded = false
            var fault: HTTPFault?
            switch self.chunks.next(bytes, at: &position) {
            case .data(let range):
                if count == 0 { start = range.lowerBound }
                if start + count != range.lowerBound, let base = room.baseAddress {
                    (base + start + count).copyMemory(
                        from: base + range.lowerBound,
                        byteCount: range.count
                    )
                }
                count += range.count
                continue
            case .trailer(let range):
                let lines = UnsafeRawBufferPointer(rebasing: bytes[range])
                self.trailers.append(lines, from: &pool)
                continue
            case .needMore: break
            case .end(let end):
                self.framing = .none
                consumed = end
                hasEnded = true
            case .invalid(let found): fault = found
            }
            return Piece(
                plain: UnsafeRawBufferPointer(rebasing: bytes[start..<(start + count)]),
                consumed: consumed,
                hasEnded: hasEnded,
                fault: fault
            )
        }
    }
}
