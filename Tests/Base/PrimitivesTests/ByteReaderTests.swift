import MeshPrimitives
import Testing

@Suite("A byte reader")
struct ByteReaderTests {
    private let node = NodeID(high: 0x0123_4567_89AB_CDEF, low: 42)
    private let hash = ContentHash(high: .max, low: 1)

    private var written: [UInt8] {
        var writer = ByteWriter()
        writer.write(UInt16(0xBEEF))
        writer.write("grüße")
        writer.write(self.node)
        writer.write(self.hash)
        writer.write(sized: [1, 2, 3])
        writer.write(Int64.min)
        return writer.bytes
    }

    @Test("reads back what a writer wrote")
    func roundTrip() throws {
        var reader = ByteReader(self.written)

        #expect(try reader.read(UInt16.self) == 0xBEEF)
        #expect(try reader.readString() == "grüße")
        #expect(try reader.readNodeID() == self.node)
        #expect(try reader.readHash() == self.hash)
        #expect(try reader.readSized(limit: 3) == [1, 2, 3])
        #expect(try reader.read(Int64.self) == .min)
        #expect(reader.remaining == 0)
    }

    @Test("names what is missing when bytes are cut short, and consumes nothing")
    func truncated() {
        var reader = ByteReader([1])

        #expect(throws: ByteReaderError.truncated(needed: 4, remaining: 1)) {
            try reader.read(UInt32.self)
        }
        #expect(reader.remaining == 1)
    }

    @Test("refuses a declared length over the limit before it allocates")
    func limits() {
        var writer = ByteWriter()
        writer.write(UInt32.max)
        var reader = ByteReader(writer.bytes)

        #expect(throws: ByteReaderError.tooLarge(found: 4_294_967_295, limit: 1_000)) {
            try reader.readSized(limit: 1_000)
        }
    }

    @Test("refuses text that is not UTF-8")
    func invalidText() {
        var reader = ByteReader([0, 2, 0xC3, 0x28])

        #expect(throws: ByteReaderError.invalidText) { try reader.readString() }
    }
}
