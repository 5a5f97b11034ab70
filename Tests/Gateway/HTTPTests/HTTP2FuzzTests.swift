import MeshHTTP
import MeshPrimitives
import Testing

@Suite("Any bytes sent to an HTTP/2 session")
struct HTTP2FuzzTests {
    /// Conversations that reach every kind of frame; what changes them starts here.
    private static let seeds: [[UInt8]] = [
        [0xFE] + preface + RawFrame.settings([(4, 100)]).bytes + RawFrame.settingsAck.bytes
            + RawFrame.headers(post + [("cookie", "a"), ("cookie", "b")], on: 1, ends: false).bytes
            + RawFrame.data("hello", on: 1).bytes + RawFrame.update(1, 1_000).bytes
            + RawFrame.headers([("x", "y")], on: 1).bytes
            + RawFrame.headers(get + [("te", "trailers")], on: 3).bytes
            + RawFrame.pingFrame.bytes + RawFrame.reset(3).bytes,
        [0x20] + preface + RawFrame.settings().bytes
            + RawFrame(type: RawFrame.headers, flags: 1, stream: 1, payload: block(get)).bytes
            + RawFrame(type: RawFrame.more, flags: 4, stream: 1, payload: block([("a", "b")])).bytes
            + RawFrame(type: RawFrame.priority, stream: 5, payload: word(1) + [9]).bytes
            + RawFrame.headers(
                [
                    (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
                    (":path", "/"), (":authority", "a"),
                ],
                on: 7,
                ends: false
            ).bytes + RawFrame.data("x", on: 7).bytes
            + RawFrame(type: RawFrame.goaway, payload: word(0) + word(2)).bytes,
        [0xFF] + RawFrame.settings([(3, 2)]).bytes + RawFrame.settingsAck.bytes
            + RawFrame.headers([(":status", "103"), ("link", "x")], on: 1, ends: false).bytes
            + RawFrame.headers([(":status", "200")], on: 1, ends: false).bytes
            + RawFrame.data("hello", on: 1).bytes
            + RawFrame.headers([("grpc-status", "0")], on: 1).bytes
            + RawFrame.headers([(":status", "204")], on: 3).bytes + RawFrame.pingFrame.bytes
            + RawFrame.reset(5, .refusedStream).bytes,
    ]

    @Test("is answered or refused, and never traps", arguments: 0..<24)
    func mutations(round: UInt64) {
        var random = SeededGenerator(seed: round)
        for seed in Self.seeds {
            seed.withUnsafeBytes { HTTP2Fuzz.run($0) }
            for _ in 0..<150 {
                var bytes = seed
                for _ in 0..<Int.random(in: 1...6, using: &random) {
                    self.change(&bytes, &random)
                }
                bytes.withUnsafeBytes { HTTP2Fuzz.run($0) }
            }
        }
    }

    private func change(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
        case 3 where bytes.count > 40: bytes.remove(at: at)
        case 4: bytes += bytes[at...]
        default:
            let frame = RawFrame(
                type: UInt8.random(in: 0...10, using: &random),
                flags: UInt8.random(in: 0...63, using: &random),
                stream: UInt32.random(in: 0...9, using: &random),
                payload: (0..<Int.random(in: 0...20, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            )
            bytes += frame.bytes
        }
    }
}
