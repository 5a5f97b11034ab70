import MeshStorage
import Testing

@Suite("Packed bytes")
struct PackedBytesTests {
    @Test(
        "are the same when unpacked, and long ones with few words are much shorter",
        arguments: [0, 1, 4_095, 4_096, 300_000]
    )
    func roundTrip(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 64) }
        let packed = PackedBytes.pack(bytes)
        #expect(PackedBytes.unpack(packed) == bytes)
        #expect(packed.count <= bytes.count + 1)
        if count >= 4_096 { #expect(packed.count < count / 4) }
    }

    @Test("that are damaged, of another form or longer than allowed are nothing")
    func refused() {
        let packed = PackedBytes.pack([UInt8](repeating: 7, count: 100_000))
        #expect(PackedBytes.unpack([]) == nil)
        #expect(PackedBytes.unpack([9, 1, 2]) == nil)
        #expect(PackedBytes.unpack(Array(packed.dropLast())) == nil)
        #expect(PackedBytes.unpack(packed, limit: 99_999) == nil)
        #expect(PackedBytes.unpack(packed, limit: 100_000)?.count == 100_000)
        #expect(PackedBytes.unpack([0, 1, 2, 3], limit: 2) == nil)
    }
}
