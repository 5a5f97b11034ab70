import MeshPrimitives
import Testing

@testable import MeshHTTP

@Suite("Frames of a WebSocket (RFC 6455 5.2)")
struct WebSocketFramesTests {
    private static func frame(_ count: Int, isMasked: Bool) -> [UInt8] {
        let mask: UInt8 = isMasked ? 0x80 : 0
        var bytes: [UInt8] = [0x82]
        if count < 126 {
            bytes.append(mask | UInt8(count))
        } else if count < 65_536 {
            bytes += [mask | 126, UInt8(count >> 8), UInt8(count & 255)]
        } else {
            bytes.append(mask | 127)
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: count >> shift))
            }
        }
        return bytes + [UInt8](repeating: 7, count: count + (isMasked ? 4 : 0))
    }

    @Test(
        "end where their length says, whatever the pieces",
        arguments: [0, 1, 125, 126, 65_535, 65_536],
        [true, false]
    )
    func boundaries(count: Int, isMasked: Bool) {
        let bytes = Self.frame(count, isMasked: isMasked)
        for size in [1, 2, 3, 7, bytes.count] {
            var frames = WebSocketFrames()
            var start = 0
            while start < bytes.count {
                let end = min(start + size, bytes.count)
                Array(bytes[start..<end]).withUnsafeBytes { frames.take($0) }
                #expect(frames.isBetweenFrames == (end == bytes.count))
                start = end
            }
        }
    }

    @Test("never trap on a length that no frame has")
    func hostileLength() {
        var frames = WebSocketFrames()
        [UInt8](repeating: 0xFF, count: 40).withUnsafeBytes { frames.take($0) }
        #expect(!frames.isBetweenFrames)
    }
}
