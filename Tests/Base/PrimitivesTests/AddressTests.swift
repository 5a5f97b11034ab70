import MeshPrimitives
import Testing

@Suite("An IP address in bytes")
struct AddressTests {
    private func read(_ text: String) -> IPAddress? {
        Array(text.utf8).withUnsafeBytes { IPAddress(ascii: $0) }
    }

    private func text(_ address: IPAddress) -> String {
        String(unsafeUninitializedCapacity: IPAddress.textByteCount) { buffer in
            address.write(to: UnsafeMutableRawBufferPointer(buffer)) ?? 0
        }
    }

    @Test(
        "is read and written as RFC 5952 section 4 wants it",
        arguments: [
            ("0.0.0.0", "0.0.0.0"), ("255.10.9.100", "255.10.9.100"), ("::", "::"), ("::1", "::1"),
            ("1::", "1::"), ("2001:DB8::0:1", "2001:db8::1"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
            ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"), ("0:0:1::", "0:0:1::"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
            ("1:0:0:2:3:0:0:4", "1::2:3:0:0:4"), ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
            ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ]
    )
    func roundTrip(text: String, expected: String) throws {
        let address = try #require(self.read(text))

        #expect(self.text(address) == expected)
        #expect(self.read(expected) == address)
    }

    @Test(
        "is nothing else",
        arguments: [
            "", ":", ":::", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.", ".1.2.3",
            "1.2.3.4 ", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", "1:",
            ":1", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "::1.2.3.4.5", "1.2.3.4::",
            "fe80::1%eth0",
            "1:2:3:4:5:6:7:1.2.3.4", "::ffff:1.2.3", "[::1]", "1.2.3.4:80",
            "1111:1111:1111:1111:1111:1111:111.111.111.1111",
        ]
    )
    func refused(text: String) {
        #expect(self.read(text) == nil)
    }

    @Test("agrees with the reader of text, whatever the address", arguments: 0..<50)
    func agrees(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        for _ in 0..<50 {
            let mask = generator.next() & generator.next()
            let address: IPAddress =
                generator.next(below: 3) == 0
                ? .v4(UInt32(truncatingIfNeeded: generator.next()))
                : .v6(
                    high: generator.next() & mask,
                    low: generator.next() & mask & generator.next()
                )
            let text = self.text(address)
            #expect(self.read(text) == address, "\(text)")
            #expect(self.read(address.description) == address, "\(address)")
        }
    }

    @Test("is not written where it does not fit")
    func room() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 8, alignment: 1)
        defer { buffer.deallocate() }

        #expect(IPAddress.v4(0xC000_0201).write(to: buffer) == nil)
        #expect(IPAddress.v4(0x0102_0304).write(to: buffer) == 7)
    }

    @Test(
        "is in a block or not",
        arguments: [
            ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.0", false),
            ("0.0.0.0/0", "1.2.3.4", true), ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false), ("10.1.2.3/8", "10.9.9.9", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::", false),
            ("::/0", "::1", true), ("::/0", "1.2.3.4", false), ("::1", "::1", true),
            ("2001:db8::8/125", "2001:db8::f", true), ("2001:db8::8/125", "2001:db8::10", false),
            ("1:2:3:4::/64", "1:2:3:4:5::", true), ("1:2:3:4::/64", "1:2:3:5::", false),
        ]
    )
    func blocks(block: String, address: String, isIn: Bool) throws {
        let block = try #require(AddressBlock(block))

        #expect(block.contains(try #require(self.read(address))) == isIn)
        #expect(AddressBlock(block.description) == block)
    }

    @Test(
        "is no block",
        arguments: [
            "", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "::/129", "a/8",
            "1.2.3.4/8/9", "/8",
        ]
    )
    func noBlock(text: String) {
        #expect(AddressBlock(text) == nil)
    }
}
