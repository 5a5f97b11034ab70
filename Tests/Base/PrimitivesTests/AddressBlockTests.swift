import MeshPrimitives
import Testing

@Suite("An address block")
struct AddressBlockTests {
    @Test(
        "holds exactly the addresses that share its leading bits",
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false),
            ("10.1.2.3/8", "10.9.9.9", true), ("0.0.0.0/0", "255.255.255.255", true),
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1/32", "192.0.2.0", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::", false),
            ("2001:db8::/65", "2001:db8::7fff:0:0:1", true),
            ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
            ("::/0", "1::", true), ("::/0", "10.0.0.1", false), ("0.0.0.0/0", "::1", false),
            ("::1", "::1", true), ("::1/128", "::2", false),
            ("::ffff:a00:0/104", "10.1.2.3", true), ("::ffff:a00:0/104", "11.1.2.3", false),
            ("10.0.0.0/8", "::ffff:a01:203", true), ("::ffff:a01:203", "10.1.2.3", true),
        ]
    )
    func contains(block: String, address: String, expected: Bool) throws {
        let block = try #require(AddressBlock(block))
        let address = try #require(IPAddress(address))

        #expect(block.contains(address) == expected)
    }

    @Test(
        "is not read from anything else",
        arguments: [
            "", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "::/129",
            "10.0.0/8", "example.com", "10.0.0.0/0008", "unix:",
        ]
    )
    func refuses(text: String) {
        #expect(AddressBlock(text) == nil)
    }

    @Test("is shown as it is read, without the bits that do not count")
    func shows() {
        #expect(AddressBlock("10.1.2.3/8")?.description == "10.0.0.0/8")
        #expect(AddressBlock("192.0.2.1/32")?.description == "192.0.2.1")
        #expect(AddressBlock("10.0.0.0/8")?.isSingle == false)
    }
}
