import Testing

@testable import MeshTLS

@Suite("A TLS output")
struct TLSOutputTests {
    @Test("gives room back after a huge write, and keeps it after a usual one")
    func shrinks() {
        let output = TLSOutput()
        let bytes = [UInt8](repeating: 7, count: 1_000)
        output.gathered.pointee.append(bytes, count: bytes.count)
        #expect(Array(output.bytes) == bytes)
        output.clear()
        #expect(output.isEmpty)
        #expect(output.capacity > 0)

        for _ in 0..<1_000 { output.gathered.pointee.append(bytes, count: bytes.count) }
        #expect(output.bytes.count == 1_000_000)
        output.clear()
        #expect(output.capacity == 0)
    }
}
