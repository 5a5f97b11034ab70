import MeshPrimitives
import Testing

@testable import MeshTLS

@Suite("A peek at a client's hello")
struct ClientHelloPeekTests {
    private static let name: [UInt8] = [0, 0, 0, 14, 0, 12, 0, 0, 9] + Array("Api.Test.".utf8)
    private static let alpn: [UInt8] =
        [0, 16, 0, 14, 0, 12, 2, 0x68, 0x32, 8] + Array("http/1.1".utf8)
    private static let versions: [UInt8] = [0, 43, 0, 5, 4, 3, 4, 3, 3]

    /// A hello with its header of type and length.
    private static func hello(_ extensions: [UInt8]) -> [UInt8] {
        var body: [UInt8] = [3, 3] + [UInt8](repeating: 9, count: 32) + [0, 0, 2, 0x13, 1, 1, 0]
        body += [UInt8(extensions.count >> 8), UInt8(extensions.count & 255)] + extensions
        return [1, 0, UInt8(body.count >> 8), UInt8(body.count & 255)] + body
    }

    /// The message in records of at most `size` bytes.
    private static func records(_ message: [UInt8], of size: Int = 16_384) -> [UInt8] {
        stride(from: 0, to: message.count, by: size).flatMap { start -> [UInt8] in
            let part = message[start..<min(start + size, message.count)]
            return [22, 3, 1, UInt8(part.count >> 8), UInt8(part.count & 255)] + part
        }
    }

    private static func peek(_ bytes: [UInt8]) -> ClientHelloPeek {
        bytes.withUnsafeBytes { ClientHelloPeek.peek($0) }
    }

    private static func found(_ bytes: [UInt8]) -> ClientHello? {
        guard case .found(let hello) = Self.peek(bytes) else { return nil }
        return hello
    }

    @Test("finds name, protocols and version (RFC 6066 section 3, RFC 7301, RFC 8446 4.2.1)")
    func finds() {
        let hello = Self.found(Self.records(Self.hello(Self.name + Self.alpn + Self.versions)))

        #expect(hello?.serverName == "api.test.")
        #expect(hello?.protocols == ["h2", "http/1.1"])
        #expect(hello?.offersTLS13 == true)
    }

    @Test("finds a hello without a name or without extensions at all")
    func findsNameless() {
        #expect(Self.found(Self.records(Self.hello(Self.versions)))?.serverName == nil)
        var bare = Self.hello([])
        bare.removeLast(2)
        bare[3] -= 2
        #expect(Self.found(Self.records(bare)) != nil)
    }

    @Test("joins a hello fragmented over records (RFC 8446 section 5.1)", arguments: 1...64)
    func joins(size: Int) {
        let message = Self.hello(Self.name + Self.alpn)
        #expect(Self.found(Self.records(message, of: size))?.serverName == "api.test.")
    }

    @Test("waits for every cut of a sound hello", arguments: [3, 16_384])
    func waits(size: Int) {
        let bytes = Self.records(Self.hello(Self.name + Self.alpn), of: size)
        for count in 0..<bytes.count {
            #expect(Self.peek(Array(bytes.prefix(count))) == .incomplete, "\(count)")
        }
        #expect(Self.found(bytes + [22, 3, 3]) != nil)
    }

    @Test("knows other protocols by their first byte")
    func knowsOthers() {
        for text in ["GET / HTTP/1.1\r\n", "SSH-2.0", "P", "\u{0}"] {
            #expect(Self.peek(Array(text.utf8)) == .notTLS, "\(text)")
        }
        #expect(Self.peek([22, 2]) == .notTLS)
        #expect(Self.peek([22, 3, 1, 0, 0]) == .notTLS, "empty fragment")
        #expect(Self.peek([22, 3, 1, 0x40, 1]) == .notTLS, "fragment above 16 KiB")
        #expect(Self.peek([22, 3, 1, 0, 4, 2]) == .notTLS, "a server's hello")
        #expect(Self.peek([22, 3, 1, 0, 4, 1, 0, 0x40, 0]) == .notTLS, "a hello above 16 KiB")
    }

    @Test("refuses a hello that grows beyond 16 KiB by tiny records")
    func bounds() {
        let message: [UInt8] = [1, 0, 0x20, 0] + [UInt8](repeating: 0, count: 8_192)
        let bytes = Self.records(message, of: 1)
        #expect(Self.peek(Array(bytes.prefix(16_383))) == .incomplete)
        #expect(Self.peek(Array(bytes.prefix(16_384))) == .notTLS)
        #expect(Self.peek(bytes) == .notTLS)
    }

    @Test("refuses what is malformed inside")
    func refuses() {
        let malformed: [String: [UInt8]] = [
            "repeated extension": Self.name + Self.name,
            "cut extension": Array(Self.name.dropLast()),
            "name with a NUL": [0, 0, 0, 6, 0, 4, 0, 0, 1, 0],
            "empty name": [0, 0, 0, 5, 0, 3, 0, 0, 0],
            "name longer than its list": [0, 0, 0, 6, 0, 4, 0, 0, 9, 0x61],
            "list longer than its extension": [0, 0, 0, 6, 0, 9, 0, 0, 1, 0x61],
            "empty protocol": [0, 16, 0, 3, 0, 1, 0],
            "half a version": [0, 43, 0, 2, 1, 3],
        ]
        for (kind, extensions) in malformed {
            #expect(Self.peek(Self.records(Self.hello(extensions))) == .notTLS, "\(kind)")
        }
    }

    @Test("never traps, and never waits for more than 16 KiB", arguments: UInt64(0)..<32)
    func survives(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        let sound = Self.records(Self.hello(Self.name + Self.alpn + Self.versions), of: 50)
        for _ in 0..<500 {
            var bytes = sound
            for _ in 0..<Int.random(in: 1...4, using: &dice) {
                bytes[Int.random(in: bytes.indices, using: &dice)] = UInt8.random(
                    in: 0...255,
                    using: &dice
                )
            }
            bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &dice)))
            _ = Self.peek(bytes)
            #expect(Self.peek(bytes + [UInt8](repeating: 22, count: 16_384)) != .incomplete)
        }
    }
}
