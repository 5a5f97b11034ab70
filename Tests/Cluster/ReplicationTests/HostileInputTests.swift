import MeshPrimitives
import Testing

@testable import MeshReplication

@Suite("Input from a hostile peer")
struct HostileInputTests {
    private var store = Fixture.store()

    @Test("cannot write another node's records")
    mutating func ownership() {
        let key = RecordKey(kind: .health, owner: Fixture.node(5), suffix: "t")
        let forged = Record(key: key, version: Fixture.version(1, 6), body: [1])
        let unowned = Record(
            key: RecordKey(kind: .nodeState, name: "nobody"),
            version: Fixture.version(1, 6),
            body: [1]
        )

        #expect(self.store.take([forged, unowned]).acts.isEmpty)

        #expect(self.store.counters.malformed == 2)
        #expect(self.store.take([Fixture.health(5, "ok", at: 1)]).applied.count == 1)
    }

    @Test("cannot speak for this node, and does not outrank its later words")
    mutating func ownPast() throws {
        let past = Fixture.health(1, "past", at: 900)

        #expect(self.store.take([past]).acts.isEmpty)

        #expect(self.store.record(past.key) == nil)
        _ = try self.store.write(
            [RecordChange(key: past.key, body: [2])],
            urgency: .normal,
            wallMilliseconds: Fixture.wall,
            at: Fixture.start
        )
        #expect(try #require(self.store.record(past.key)).version > past.version)
    }

    @Test("with bad names, large bodies or filled tombstones is dropped and counted")
    mutating func malformed() {
        let records = [
            Fixture.record("", "x", at: 1, by: 5),
            Fixture.record("a b", "x", at: 1, by: 5),
            Fixture.record(String(repeating: "n", count: 300), "x", at: 1, by: 5),
            Fixture.record("a", String(repeating: "x", count: 900_001), at: 1, by: 5),
            Record(
                key: Fixture.entity("a"),
                version: Fixture.version(1, 5),
                isTombstone: true,
                body: [1]
            ),
        ]

        #expect(self.store.take(records).acts.isEmpty)
        #expect(self.store.counters.malformed == 5)
    }

    @Test("cannot grow the store beyond its bounds")
    mutating func bounds() {
        var configuration = ReplicationConfiguration()
        configuration.durableLimit = 4
        configuration.unknownLimit = 2
        configuration.ephemeralLimitPerWriter = 3
        configuration.tableByteLimit = 100
        self.store = Fixture.store(1, configuration: configuration)
        let unknown = (0..<5)
            .map { number in
                Record(
                    key: RecordKey(kind: RecordKind(rawValue: 200), name: "u\(number)"),
                    version: Fixture.version(1, 5)
                )
            }
        let health = (0..<5)
            .map { number in
                Record(
                    key: RecordKey(kind: .health, owner: Fixture.node(6), suffix: "\(number)"),
                    version: Fixture.version(1, 6)
                )
            }
        let entities = (0..<5).map { Fixture.record("e/\($0)", "x", at: 1, by: 5) }
        let large = Fixture.record("e/0", String(repeating: "x", count: 200), at: 2, by: 5)

        _ = self.store.take(unknown + health + entities + [large])

        #expect(self.store.records(of: RecordKind(rawValue: 200)).count == 2)
        #expect(self.store.records(of: .health).count == 3)
        #expect(self.store.records(of: .entity).count == 4)
        #expect(self.store.record(large.key)?.body.count == 1)
        #expect(self.store.counters.overLimit == 3 + 2 + 1 + 1)
    }

    @Test("with digests of a wrong size, or answers nobody asked for, is ignored")
    mutating func unaskedMessages() {
        _ = self.store.setPeers([Fixture.node(2)], at: Fixture.start)

        let messages: [ReplicationMessage] = [
            .digest([]), .digest([UInt64](repeating: 0, count: 257)),
            .summary(buckets: [0, 0, 255], entries: []),
            .records([], more: true),
        ]
        for message in messages {
            let effects = self.store.receive(
                message,
                from: Fixture.node(2),
                wallMilliseconds: Fixture.wall,
                at: Fixture.start
            )
            #expect(effects.acts.isEmpty)
        }
        #expect(self.store.counters.malformed == 2)
        #expect(self.store.counters.ignored == 1)
    }

    @Test("that asks for digests without end is answered at a bounded rate")
    mutating func digestFlood() {
        _ = self.store.take([Fixture.record("a", "x", at: 1, by: 5)])
        var answers = 0
        for step in 0..<1_000 {
            answers +=
                self.store.receive(
                    .digest([UInt64](repeating: 0, count: 256)),
                    from: Fixture.node(2),
                    wallMilliseconds: Fixture.wall,
                    at: Fixture.after(.milliseconds(step))
                )
                .streamed.count
        }
        #expect(answers <= 17)
    }

    @Test("of an unknown kind is kept and passed on")
    mutating func unknownKinds() {
        let record = Record(
            key: RecordKey(kind: RecordKind(rawValue: 90), name: "future"),
            version: Fixture.version(1, 5),
            body: [1, 2]
        )
        _ = self.store.setPeers([Fixture.node(2)], at: Fixture.start)

        let effects = self.store.take([record])
        let tick = self.store.wake(at: Fixture.after(.milliseconds(200)))

        #expect(effects.acts == [.persist([record]), .applied([record])])
        #expect(
            tick.sent.first?.message == .push(records: [record], offers: [], relays: 0)
        )
    }

    @Test("never traps or breaks the digests, whatever comes", arguments: UInt64(0)..<32)
    mutating func randomMessages(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        _ = self.store.setPeers([Fixture.node(2), Fixture.node(3)], at: Fixture.start)
        for step in 0..<200 {
            let effects = self.store.receive(
                Self.message(using: &dice),
                from: Fixture.node(UInt64(1 + dice.next(below: 4))),
                wallMilliseconds: dice.next(below: 9) == 0 ? dice.next() : Fixture.wall,
                at: Fixture.after(.milliseconds(step * 50))
            )
            #expect(effects.count < 100)
            _ = self.store.wake(at: Fixture.after(.milliseconds(step * 50 + 25)))
        }
        let again = Fixture.store(1, records: self.store.durableRecords)
        #expect(again.rootDigest == self.store.rootDigest, "seed \(seed)")
        #expect(again.configurationHash == self.store.configurationHash, "seed \(seed)")
    }

    private static func message(using dice: inout SeededGenerator) -> ReplicationMessage {
        let records = (0..<dice.next(below: 4)).map { _ in Self.record(using: &dice) }
        let summaries = records.map {
            RecordSummary(
                key: $0.key,
                version: $0.version,
                isTombstone: $0.isTombstone,
                fingerprint: dice.next()
            )
        }
        let buckets = (0..<dice.next(below: 300)).map { _ in UInt8(dice.next(below: 256)) }
        return switch dice.next(below: 6) {
        case 0:
            .push(records: records, offers: summaries, relays: UInt8(dice.next(below: 256)))
        case 1:
            .announce(
                root: ContentHash(high: dice.next(), low: 0),
                configurationStamp: HybridTimestamp(rawValue: dice.next())
            )
        case 2: .digest((0..<(dice.next(below: 2) * 256)).map { _ in dice.next() })
        case 3: .summary(buckets: buckets, entries: summaries + summaries)
        case 4: .exchange(records: records, wants: records.map(\.key))
        default: .records(records, more: dice.next(below: 2) == 0)
        }
    }

    private static func record(using dice: inout SeededGenerator) -> Record {
        let kind = RecordKind(rawValue: UInt8(dice.next(below: 256)))
        let writer = Fixture.node(UInt64(dice.next(below: 5)))
        let key =
            dice.next(below: 2) == 0
            ? RecordKey(kind: kind, owner: writer)
            : RecordKey(
                kind: dice.next(below: 2) == 0 ? .entity : kind,
                name: "n\(dice.next(below: 9))"
            )
        let isWild = dice.next(below: 8) == 0
        let isDelete = dice.next(below: 3) == 0
        return Record(
            key: key,
            version: RecordVersion(
                stamp: isWild
                    ? HybridTimestamp(rawValue: dice.next())
                    : Fixture.version(UInt64(dice.next(below: 500)), 0).stamp,
                writer: writer
            ),
            isTombstone: isDelete,
            body: isDelete ? [] : [UInt8](repeating: 7, count: dice.next(below: 3_000))
        )
    }
}
