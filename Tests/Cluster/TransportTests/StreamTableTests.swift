import MeshPrimitives
import Testing

@testable import MeshTransport

@Suite("The stranger whose stream is closed for another's")
struct StreamTableTests {
    @Test("is the oldest of the address that has the most, of IPv6 of the network")
    func surplus() {
        let (one, other) = (IPAddress.v4(1), IPAddress.v4(2))
        let network = (UInt64(1)...3).map { IPAddress.v6(high: 9, low: $0) }
        let alone = IPAddress.v6(high: 8, low: 1)

        #expect(StreamTable.surplus(among: [one, other, other, one, other]) == 1)
        #expect(StreamTable.surplus(among: [alone, one, one] + network) == 3)
        #expect(StreamTable.surplus(among: [nil, one, nil]) == 0)
        #expect(StreamTable.surplus(among: []) == nil)
    }

    @Test("is told from others that have IPv4, also in the form of IPv6")
    func mapped() {
        let mapped = (UInt64(1)...3).map { IPAddress.v6(high: 0, low: 0xFFFF_0000_0000 + $0) }
        #expect(StreamTable.surplus(among: mapped + [.v4(2)]) == 1)
    }
}
