import MeshPrimitives
import MeshWire
import Testing

@Suite("The content hash")
struct ContentHashingTests {
    @Test("is BLAKE2b of 16 bytes")
    func knownAnswers() {
        #expect(contentHash(of: []).description == "cae66941d9efbd404e4d88758ea67670")
        #expect(
            contentHash(of: Array("abc".utf8)).description == "cf4ab791c62b8d2b2109c90275287816"
        )
    }

    @Test("differs when a bit does")
    func differs() {
        #expect(contentHash(of: [0]) != contentHash(of: [1]))
        #expect(contentHash(of: [0]) != contentHash(of: [0, 0]))
    }
}
