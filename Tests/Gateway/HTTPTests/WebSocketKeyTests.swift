import MeshHTTP
import Testing

@Suite("The key of a WebSocket handshake")
struct WebSocketKeyTests {
    private func accept(_ key: String) -> String {
        Array(key.utf8).withUnsafeBytes { String(decoding: WebSocketKey.accept($0), as: UTF8.self) }
    }

    @Test("is answered as the specification shows (RFC 6455 1.3)")
    func specified() {
        #expect(self.accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test(
        "is answered whatever its length is",
        arguments: [
            (0, "Kfh9QIsMVZcl6xEPYxPHzW8SZ8w="), (19, "yzaGyu0mcUukN7CdsSwa30tnCpc="),
            (20, "dUYRM7bOMwDmbriNIPr11x+r3E0="), (91, "sb26ARy9y9Mjs7qWrVan4FrLgc8="),
        ]
    )
    func lengths(count: Int, expected: String) {
        #expect(self.accept(String(repeating: "a", count: count)) == expected)
    }
}
