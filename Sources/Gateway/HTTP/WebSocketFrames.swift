/// Follows the frames of one direction of a WebSocket, to know where one ends (RFC 6455 section 5.2).
///
/// Only between two frames may somebody else say something: a gateway that must end a connection
/// tells so by a close frame of its own there.
public struct WebSocketFrames: Equatable, Sendable {
    /// A close frame with status 1001, "going away", as a server sends it.
    public static let goingAway: [UInt8] = [0x88, 0x02, 0x03, 0xE9]

    /// Bytes of the frame at hand that are still to come.
    private var remaining: UInt64 = 0
    /// Bytes of the header at hand that were seen, and the header's two fixed bytes.
    private var headerCount: UInt8 = 0
    private var headerEnd: UInt8 = 2
    private var isMasked = false
    /// Length of the frame at hand, as far as its header was seen.
    private var length: UInt64 = 0

    /// Creates the state between two frames.
    public init() {}

    /// Whether the last byte ended a frame.
    public var isBetweenFrames: Bool { self.remaining == 0 && self.headerCount == 0 }

    /// Takes in bytes of the stream.
    public mutating func take(_ bytes: UnsafeRawBufferPointer) {
        var index = 0
        while index < bytes.count {
            guard self.remaining == 0 else {
                let step = min(self.remaining, UInt64(bytes.count - index))
                self.remaining -= step
                index += Int(step)
                continue
            }
            self.takeHeader(bytes[index])
            index += 1
        }
    }

    private mutating func takeHeader(_ byte: UInt8) {
        self.headerCount += 1
        if self.headerCount == 2 {
            self.isMasked = byte & 0x80 != 0
            self.length = 0
            switch byte & 0x7F {
            case 126: self.headerEnd = 4
            case 127: self.headerEnd = 10
            case let length:
                self.headerEnd = 2
                self.length = UInt64(length)
            }
        } else if self.headerCount > 2 {
            self.length = self.length << 8 | UInt64(byte)
        }
        guard self.headerCount >= 2, self.headerCount == self.headerEnd else { return }
        // The highest bit must be 0; a length that claims more never ends, and is never between.
        self.remaining = self.length &+ (self.isMasked ? 4 : 0)
        self.headerCount = 0
        self.headerEnd = 2
    }
}
