import MeshHTTP
import MeshPrimitives
import Testing

@Suite("The PROXY protocol")
struct ProxyProtocolTests {
    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]

    private func parse(_ bytes: [UInt8]) -> ProxyProtocol.Parse {
        bytes.withUnsafeBytes { ProxyProtocol.parse($0) }
    }

    private func parse(_ text: String) -> ProxyProtocol.Parse { self.parse(Array(text.utf8)) }

    private func header(_ parse: ProxyProtocol.Parse) -> ProxyProtocol.Header? {
        if case .found(let header) = parse { return header }
        return nil
    }

    @Test("of version 1 names both ends (section 2.1)")
    func text() throws {
        let line = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"
        let found = try #require(self.header(self.parse(line + "GET /")))

        #expect(found.source == Endpoint("192.0.2.1:56324"))
        #expect(found.destination == Endpoint("198.51.100.2:443"))
        #expect(found.consumed == line.utf8.count)
        #expect(!found.isLocal)
        let six = try #require(self.header(self.parse("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n")))
        #expect(six.source == Endpoint("[2001:db8::1]:0"))
        let unknown = try #require(self.header(self.parse("PROXY UNKNOWN any thing\r\nx")))
        #expect(unknown.isLocal)
        #expect(unknown.consumed == 25)
    }

    @Test("of version 1 is at most 107 bytes long")
    func textLimit() {
        let longest = "PROXY UNKNOWN " + String(repeating: "f", count: 91) + "\r\n"
        let tooLong = "PROXY UNKNOWN " + String(repeating: "f", count: 92) + "\r\n"

        #expect(self.header(self.parse(longest))?.consumed == 107)
        #expect(self.parse(tooLong) == .invalid)
        #expect(self.parse(String(tooLong.prefix(106))) == .incomplete)
    }

    @Test(
        "of version 1 is refused unless it is exact",
        arguments: [
            "GET / HTTP/1.1\r\n", "PROXY\r\n", "PROXY \r\n", "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
            "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3 1 2\r\n", "PROXY unknown\r\n", "\r\n\r\nGET", "\u{0}",
        ]
    )
    func refusedText(text: String) {
        #expect(self.parse(text) == .invalid)
    }

    private func binary(_ command: UInt8, _ family: UInt8, _ rest: [UInt8]) -> [UInt8] {
        Self.signature + [command, family, UInt8(rest.count >> 8), UInt8(rest.count & 255)] + rest
    }

    private static let four: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 2, 0xDC, 0x04, 1, 0xBB]

    @Test("of version 2 names both ends, is local, or has no address (section 2.2)")
    func binary() throws {
        let inet = try #require(self.header(self.parse(self.binary(0x21, 0x11, Self.four) + [1])))
        let six =
            [UInt8](repeating: 0, count: 15) + [1] + [UInt8](repeating: 0, count: 15)
            + [2, 0, 1, 0, 2]
        let inet6 = try #require(self.header(self.parse(self.binary(0x21, 0x21, six))))

        #expect(inet.source == Endpoint("192.0.2.1:56324"))
        #expect(inet.destination == Endpoint("198.51.100.2:443"))
        #expect(inet.consumed == 28)
        #expect(inet6.source == Endpoint("[::1]:1"))
        #expect(inet6.destination == Endpoint("[::2]:2"))
        let unix = [UInt8](repeating: 0, count: 216)
        for (command, family, rest) in [
            (0x20, 0x00, []), (0x20, 0x99, [1, 2, 3]), (0x21, 0x00, []), (0x21, 0x31, unix),
        ] as [(UInt8, UInt8, [UInt8])] {
            let local = try #require(self.header(self.parse(self.binary(command, family, rest))))
            #expect(local.isLocal)
            #expect(local.consumed == 16 + rest.count)
        }
    }

    @Test("of version 2 may carry values, whose checksum counts (section 2.2.3)")
    func values() throws {
        let noop: [UInt8] = [4, 0, 2, 9, 9]
        #expect(self.header(self.parse(self.binary(0x21, 0x11, Self.four + noop)))?.consumed == 33)

        let zeroed = self.binary(0x21, 0x11, Self.four + noop + [3, 0, 4, 0, 0, 0, 0])
        let checksum = Self.checksum(zeroed)
        var right = zeroed
        for index in 0..<4 {
            right[right.count - 4 + index] = UInt8(truncatingIfNeeded: checksum >> (24 - index * 8))
        }
        #expect(self.header(self.parse(right))?.consumed == right.count)
        // Without its type there is no checksum to be wrong.
        for index in 16..<right.count where index != right.count - 7 {
            var wrong = right
            wrong[index] ^= 1
            #expect(self.header(self.parse(wrong)) == nil, "byte \(index)")
        }
    }

    /// CRC32C bit by bit, checked against RFC 3720 appendix B.4.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var state = UInt32.max
        for byte in bytes {
            for bit in 0..<8 {
                let carry = (state ^ UInt32(byte >> bit)) & 1
                state = state >> 1 ^ carry * 0x82F6_3B78
            }
        }
        return ~state
    }

    @Test("has the checksum of RFC 3720 appendix B.4")
    func checksumVector() {
        #expect(Self.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    }

    @Test("of version 2 is refused when version, family or lengths are wrong")
    func refusedBinary() {
        let four = Self.four
        for (command, family, rest) in [
            (0x11, 0x11, four), (0x22, 0x11, four), (0x31, 0x11, four), (0x21, 0x41, four),
            (0x21, 0x13, four), (0x21, 0x11, Array(four.dropLast())), (0x21, 0x21, four),
            (0x21, 0x11, four + [4]), (0x21, 0x11, four + [4, 0]), (0x21, 0x11, four + [4, 0, 1]),
            (0x21, 0x11, four + [3, 0, 1, 0]),
            (0x21, 0x11, four + [UInt8](repeating: 0, count: 4_080)),
        ] as [(UInt8, UInt8, [UInt8])] {
            #expect(self.parse(self.binary(command, family, rest)) == .invalid)
        }
    }

    @Test("is awaited until its last byte")
    func truncation() {
        let line = Array("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n".utf8)
        for whole in [line, self.binary(0x21, 0x11, Self.four), self.binary(0x20, 0, [1, 2])] {
            for count in 0..<whole.count {
                #expect(self.parse(Array(whole[..<count])) == .incomplete, "after \(count)")
            }
        }
    }

    @Test("written is read again as it was meant")
    func roundTrip() throws {
        let pairs = [
            ("192.0.2.1:1", "198.51.100.2:65535"), ("[2001:db8::1]:8080", "[::1]:0"),
        ]
        for (from, to) in pairs {
            let source = try #require(Endpoint(from))
            let destination = try #require(Endpoint(to))
            let text = self.writtenBytes {
                ProxyProtocol.writeText(source: source, destination: destination, into: &$0)
            }
            let binary = self.writtenBytes {
                ProxyProtocol.writeBinary(source: source, destination: destination, into: &$0)
            }
            for bytes in [text, binary] {
                let found = try #require(self.header(self.parse(bytes)))
                #expect(found.source == source)
                #expect(found.destination == destination)
                #expect(found.consumed == bytes.count)
            }
        }
    }

    @Test("written says what version 1 cannot, and what is our own")
    func writtenOddities() throws {
        let four = try #require(Endpoint("192.0.2.1:1"))
        let six = try #require(Endpoint("[::1]:2"))
        let text = self.writtenBytes {
            ProxyProtocol.writeText(source: four, destination: six, into: &$0)
        }
        let binary = self.writtenBytes {
            ProxyProtocol.writeBinary(source: four, destination: six, into: &$0)
        }
        let local = ProxyProtocol.localHeader

        #expect(String(decoding: text, as: UTF8.self) == "PROXY UNKNOWN\r\n")
        #expect(self.header(self.parse(binary))?.source?.address.unmapped == four.address)
        #expect(self.header(self.parse(local))?.isLocal == true)
    }

    private func writtenBytes(_ body: (inout HeadWriter) -> Void) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 256) { buffer, count in
            var writer = HeadWriter(UnsafeMutableRawBufferPointer(buffer))
            body(&writer)
            count = writer.count
        }
    }

    @Test("made of random bytes never traps", arguments: UInt64(0)..<50)
    func randomBytes(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            var bytes =
                seed % 2 == 0
                ? self.binary(0x21, 0x11, Self.four + [3, 0, 4, 1, 2, 3, 4])
                : Array("PROXY TCP6 2001:db8::1 ::1 56324 443\r\n".utf8)
            for _ in 0..<3 {
                bytes[generator.next(below: bytes.count)] = UInt8(
                    truncatingIfNeeded: generator.next()
                )
            }
            if let found = self.header(self.parse(bytes)) { #expect(found.consumed <= bytes.count) }
        }
    }
}
