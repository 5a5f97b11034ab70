import MeshPrimitives
import Testing

@testable import MeshReplication

@Suite("The configuration hash")
struct ConfigurationDigestTests {
    @Test("is the same for the same entities, whoever wrote them when")
    func ignoresHistory() {
        var first = Fixture.store(1)
        var second = Fixture.store(2)

        _ = first.take([
            Fixture.record("a", "1", at: 1, by: 5), Fixture.record("b", "2", at: 2, by: 5),
        ])
        _ = second.take([
            Fixture.record("b", "2", at: 9, by: 7), Fixture.record("c", "3", at: 3, by: 7),
            Fixture.record("a", "1", at: 8, by: 7), Fixture.record("c", nil, at: 4, by: 7),
        ])

        #expect(first.configurationHash == second.configurationHash)
        #expect(first.rootDigest != second.rootDigest)
        #expect(second.configurationStamp == Fixture.version(9, 7).stamp)
    }

    @Test("differs when a name or a body differs, or content moves between names")
    func seesContent() {
        let variants: [[(String, String)]] = [
            [], [("a", "1")], [("a", "2")], [("b", "1")], [("a", "1"), ("b", "1")],
            [("a", "b"), ("b", "a")], [("a", "a"), ("b", "b")], [("ab", "")], [("a", "b")],
        ]
        let hashes = variants.map { pairs in
            var store = Fixture.store()
            _ = store.take(pairs.map { Fixture.record($0.0, $0.1, at: 1, by: 5) })
            return store.configurationHash
        }

        #expect(Set(hashes).count == variants.count)
    }

    @Test("ignores every other kind")
    func ignoresOtherKinds() {
        var store = Fixture.store()
        let before = store.configurationHash
        let head = Record(
            key: RecordKey(kind: .configurationHead, name: "head"),
            version: Fixture.version(1, 5),
            body: [1]
        )

        _ = store.take([head, Fixture.health(5, "x", at: 1)])

        #expect(store.configurationHash == before)
        #expect(store.configurationStamp == .zero)
        #expect(store.rootDigest != .zero, "the head is durable")
    }

    @Test("equals one computed from scratch after any history", arguments: UInt64(0)..<32)
    func matchesSlowModel(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        var store = Fixture.store()
        for step in 0..<100 {
            let isDelete = dice.next(below: 3) == 0
            let record = Fixture.record(
                "k\(dice.next(below: 20))",
                isDelete ? nil : "\(dice.next(below: 9))",
                at: UInt64(step),
                by: 5
            )
            _ = store.take([record])
        }

        var slow = ConfigurationDigest()
        for record in store.records(of: .entity) {
            var writer = ByteWriter()
            writer.write(record.key.name)
            writer.write(sized: record.body)
            slow.set(record, hash: Fixture.hash(writer.bytes))
        }
        slow.refresh { Fixture.hash($0) }

        #expect(store.configurationHash == slow.hash, "seed \(seed)")
    }
}
