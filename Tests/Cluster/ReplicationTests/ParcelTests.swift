import MeshPrimitives
import Testing

@testable import MeshReplication

@Suite("A parcel")
struct ParcelTests {
    @Test("never holds more bytes than a datagram", arguments: UInt64(0)..<64)
    func budget(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        let entries = (0..<40)
            .map { Self.entry("n\($0)", byteCount: dice.next(below: 1_400)) }

        let parcels = Parcel.fill(entries, byteCount: 1_100)

        #expect(parcels.allSatisfy { $0.message().testByteCount <= 1_100 })
        #expect(parcels.reduce(0) { $0 + $1.records.count + $1.offers.count } == 40)
        #expect(
            parcels.flatMap(\.offers).count == entries.count { $0.record.wireByteCount > 1_100 }
        )
    }

    @Test("holds a record that fills it to the byte, and offers one that is a byte larger")
    func exactFit() {
        let exact = Self.entry("n", byteCount: 1_100 - 39)
        let over = Self.entry("n", byteCount: 1_100 - 38)
        var first = Parcel(byteCount: 1_100)
        var second = Parcel(byteCount: 1_100)

        let isIn = first.add(exact)
        let isOffered = second.add(over)

        #expect(isIn && isOffered)
        #expect(first.room == 0)
        #expect(first.records == [exact.record])
        #expect(second.offers == [over.summary])
    }

    static func entry(_ name: String, byteCount: Int) -> RecordTable.Entry {
        RecordTable.Entry(
            record: Record(
                key: Fixture.entity(name),
                version: Fixture.version(1, 1),
                body: [UInt8](repeating: 1, count: byteCount)
            ),
            hash: .zero,
            since: nil
        )
    }
}
