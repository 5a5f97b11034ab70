import MeshPrimitives
import Testing

@testable import MeshNode

@Suite("The address of a node that was told none")
struct InterfaceAddressTests {
    @Test(
        "is the first that others can use, IPv4 before IPv6, the loopback at worst",
        arguments: [
            (["127.0.0.1", "10.0.0.7", "fd00::7"], true, "10.0.0.7"),
            (["127.0.0.1", "::1", "169.254.7.7", "fe80::7", "fd00::7"], true, "fd00::7"),
            (["127.0.0.1", "fd00::7"], false, "127.0.0.1"),
            (["::1"], true, "127.0.0.1"),
            ([], false, "127.0.0.1"),
        ]
    )
    func choice(of addresses: [String], dualStack: Bool, expected: String) {
        let choice = InterfaceAddress.choice(
            of: addresses.compactMap(IPAddress.init),
            dualStack: dualStack
        )
        #expect("\(choice)" == expected)
    }

    @Test("replaces wildcards only, and is one that something can be sent to")
    func wildcards() throws {
        let given = try #require(Endpoint("192.0.2.7:7946"))
        #expect(InterfaceAddress.advertised(for: given) == given)
        for text in ["0.0.0.0:7946", "[::]:7946"] {
            let wildcard = try #require(Endpoint(text))
            let found = InterfaceAddress.advertised(for: wildcard)
            #expect(found.isDestination)
            #expect(found.port == 7_946)
        }
    }
}
