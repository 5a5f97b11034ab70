import MeshHTTP
import MeshPrimitives
import Testing

@Suite("A chunked body")
struct ChunkedDecoderTests {
    private struct Result: Equatable {
        var content = ""
        var trailer = ""
        var end: Int?
        var fault: HTTPFault?
    }

    /// Decodes `text`, given in pieces of at most `piece` bytes.
    private func decode(_ text: String, piece: Int = .max) -> Result {
        self.decode(Array(text.utf8), piece: piece)
    }

    private func decode(_ bytes: [UInt8], piece: Int = .max) -> Result {
        var decoder = ChunkedDecoder()
        var result = Result()
        var content: [UInt8] = []
        var trailer: [UInt8] = []
        var start = 0
        while start < bytes.count, result.end == nil, result.fault == nil {
            let part = Array(
                bytes[start..<min(bytes.count, start.addingReportingOverflow(piece).0)]
            )
            part.withUnsafeBytes { part in
                var position = 0
                while true {
                    switch decoder.next(part, at: &position) {
                    case .needMore: return
                    case .data(let range): content += part[range]
                    case .trailer(let range): trailer += part[range]
                    case .end(let consumed):
                        result.end = start + consumed
                        return
                    case .invalid(let fault):
                        result.fault = fault
                        return
                    }
                }
            }
            start += part.count
        }
        result.content = String(decoding: content, as: UTF8.self)
        // What was handed out before a fault is not to be used.
        if result.fault == nil { result.trailer = String(decoding: trailer, as: UTF8.self) }
        return result
    }

    private static let usual =
        "5\r\nhello\r\n00A;name=\"v\"\r\n, worldly!\r\n0\r\nX-Sum: 1\r\nX-End:\r\n\r\n"
    private static let whole = Result(
        content: "hello, worldly!",
        trailer: "X-Sum: 1\r\nX-End:\r\n",
        end: Self.usual.utf8.count
    )

    @Test("gives its content and says where it ends")
    func usual() {
        let result = self.decode(Self.usual + "GET /next")

        #expect(result == Self.whole)
    }

    @Test("is the same in pieces of any size", arguments: 1...20)
    func pieces(size: Int) {
        let piecemeal = self.decode(Self.usual, piece: size)

        #expect(piecemeal == Self.whole)
    }

    @Test("has not ended when cut before its last byte")
    func truncation() {
        let whole = Array(Self.usual.utf8)
        for count in 0..<whole.count {
            let result = self.decode(Array(whole[..<count]))
            #expect(result.end == nil)
            #expect(result.fault == nil)
        }
    }

    @Test("with any byte replaced never traps, and in pieces gets the same verdict")
    func everyByteFlipped() {
        let whole = Array(Self.usual.utf8)
        for index in whole.indices {
            for value in stride(from: UInt8(0), through: 254, by: 2) {
                var bytes = whole
                bytes[index] = value
                #expect(self.decode(bytes) == self.decode(bytes, piece: 1))
            }
        }
    }

    @Test(
        "that breaks RFC 9112 section 7.1 is refused",
        arguments: [
            ("\r\n", HTTPFault.malformedChunk), ("g\r\n", .malformedChunk),
            ("0x5\r\n", .malformedChunk), ("-1\r\n", .malformedChunk), (" 5\r\n", .malformedChunk),
            ("5 \r\n", .malformedChunk), ("5\nhello", .bareLineEnd), ("5\rhello", .bareLineEnd),
            ("5;a\nhello", .bareLineEnd), ("5;a\rb\r\n", .bareLineEnd),
            ("5;a\0\r\n", .malformedChunk), ("5\r\nhello\n", .malformedChunk),
            ("5\r\nhelloX", .malformedChunk), ("5\r\nhello\rX", .malformedChunk),
            ("1000000000000000\r\n", .malformedChunk), ("0\r\n\n", .bareLineEnd),
            ("0\r\n\rX", .bareLineEnd), ("0\r\nX\r\n", .malformedTrailer),
            ("0\r\nX : a\r\n", .malformedTrailer), ("0\r\n X: a\r\n", .foldedLine),
            ("0\r\nX: a\r\n b\r\n", .foldedLine), ("0\r\nX: a\n", .bareLineEnd),
            ("0\r\nX: a\0\r\n", .malformedTrailer), ("0\r\nX: a\rb", .bareLineEnd),
            ("0\r\n: a\r\n", .malformedTrailer),
        ]
    )
    func refusals(text: String, fault: HTTPFault) {
        #expect(self.decode(text) == self.decode(text, piece: 1))
        #expect(self.decode(text).fault == fault)
    }

    @Test("with more than 16 KiB of extensions or trailers is refused")
    func overhead() {
        let flood = String(repeating: "a", count: 17_000)
        #expect(self.decode("5;\(flood)").fault == .chunkOverhead)
        #expect(self.decode("0\r\nX: \(flood)").fault == .chunkOverhead)
        let drip = String(repeating: "1;aaaaaaaa\r\nx\r\n", count: 2_100)
        #expect(self.decode(drip).fault == .chunkOverhead)
    }

    @Test("that is over stays over")
    func ended() {
        var decoder = ChunkedDecoder()
        withBytes("0\r\n\r\nmore") { bytes in
            var position = 0
            #expect(decoder.next(bytes, at: &position) == .end(consumed: 5))
            #expect(decoder.next(bytes, at: &position) == .end(consumed: 5))
        }
        #expect(decoder.hasEnded)
    }
}
