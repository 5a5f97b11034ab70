import MeshPrimitives
import Testing

@Suite("Base64 (RFC 4648)")
struct Base64Tests {
    private static let vectors = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ]

    @Test(
        "reads and writes the test vectors (section 10), with padding and without",
        arguments: vectors
    )
    func standard(plain: String, coded: String) {
        let bare = coded.replacing("=", with: "")
        #expect(Base64.decode(coded.utf8) == Array(plain.utf8))
        #expect(Base64.decode(bare.utf8) == Array(plain.utf8))
        #expect(Base64.encode(Array(plain.utf8)) == bare)
    }

    @Test("reads both alphabets (sections 4 and 5)")
    func alphabets() {
        let bytes: [UInt8] = [0xFB, 0xEF, 0xFF, 0xFE]
        #expect(Base64.encode(bytes) == "++///g")
        #expect(Base64.encode(bytes, alphabet: .url) == "--___g")
        #expect(Base64.decode("++///g".utf8) == bytes)
        #expect(Base64.decode("--___g".utf8) == bytes)
    }

    @Test("reads back every byte at every place, however the text lies in memory")
    func places() {
        for length in 0..<70 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ length) }
            let text = Array(Base64.encode(bytes, alphabet: .url).utf8)
            #expect(Base64.decode(text) == bytes)
            #expect(Base64.decode(([0x20] + text)[1...]) == bytes)
            #expect(text.withUnsafeBytes { Base64.decode($0) } == bytes)
            #expect(text.withUnsafeBytes { Base64.decode($0.dropFirst(0)) } == bytes)
            #expect(Base64.decode(text.lazy.map { $0 }) == bytes)
        }
    }

    @Test(
        "refuses other letters, a letter too many, and padding where none may be (section 3.3)",
        arguments: ["A", "AAAAA", "A A=", "Zm9v\n", "Zg=a", "Zg===", "=Zg", "Zm\u{E9}v", "Zm9v."]
    )
    func refused(text: String) { #expect(Base64.decode(text.utf8) == nil) }
}
