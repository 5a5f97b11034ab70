import MeshPrimitives
import Testing

@testable import MeshReplication

@Suite("Merging records")
struct MergeTests {
    @Test("gives the same store in any order, grouping and repetition", arguments: UInt64(0)..<64)
    func lawsHold(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        let history = Self.history(of: 60, using: &dice)

        var inOrder = Fixture.store(1)
        for record in history { _ = inOrder.take([record]) }
        var shuffled = Fixture.store(2)
        for record in dice.shuffle(history) { _ = shuffled.take([record]) }
        var grouped = Fixture.store(3)
        _ = grouped.take(dice.shuffle(history))
        var repeated = Fixture.store(4)
        for record in dice.shuffle(history + history) { _ = repeated.take([record]) }

        let model = Self.model(of: history)
        for store in [inOrder, shuffled, grouped, repeated] {
            #expect(store.durableRecords.map(Self.withoutAncestry) == model, "seed \(seed)")
            #expect(store.rootDigest == inOrder.rootDigest, "seed \(seed)")
            #expect(store.configurationHash == inOrder.configurationHash, "seed \(seed)")
            #expect(store.configurationStamp == inOrder.configurationStamp, "seed \(seed)")
        }
    }

    @Test("gives the same store again after a restart", arguments: UInt64(0)..<16)
    func restartKeepsHashes(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        var store = Fixture.store()
        for record in Self.history(of: 40, using: &dice) { _ = store.take([record]) }

        let again = Fixture.store(1, records: dice.shuffle(store.durableRecords))

        #expect(again.rootDigest == store.rootDigest)
        #expect(again.configurationHash == store.configurationHash)
        #expect(again.durableRecords == store.durableRecords)
    }

    @Test("decides equal versions with unequal content the same way at every node")
    func tiesAgree() {
        let first = Fixture.record("routes/a", "one", at: 1, by: 5)
        let second = Fixture.record("routes/a", "two", at: 1, by: 5)
        let deletion = Fixture.record("routes/a", nil, at: 1, by: 5)
        var left = Fixture.store(1)
        var right = Fixture.store(2)

        for record in [first, second, deletion] { _ = left.take([record]) }
        for record in [deletion, second, first] { _ = right.take([record]) }

        #expect(left.record(first.key) == deletion)
        #expect(left.rootDigest == right.rootDigest)
    }

    @Test("persists before it shows, and shows only what changed")
    func persistsFirst() {
        var store = Fixture.store()
        let record = Fixture.record("routes/a", "1", at: 1, by: 5)
        let renewed = Fixture.record("routes/a", "1", at: 2, by: 6, replaces: record.version)

        let first = store.take([record])
        let again = store.take([record])
        let second = store.take([renewed])

        #expect(first.acts == [.persist([record]), .applied([record])])
        #expect(again.acts.isEmpty)
        #expect(second.acts == [.persist([renewed])], "equal content is not news")
    }

    @Test("refuses stamps too far ahead, once aloud, and keeps its own clock")
    func refusesFutureStamps() throws {
        var store = Fixture.store()
        let ahead = Fixture.record("routes/a", "1", at: 2_000, by: 5)

        let first = store.take([ahead])
        let second = store.take([ahead])

        #expect(
            first.acts == [.clockRefused(ahead.key, ahead.version, aheadMilliseconds: 1_000)]
        )
        #expect(second.acts.isEmpty)
        #expect(store.counters.clockRefused == 2)
        #expect(store.record(ahead.key) == nil)
        _ = try store.write(
            [Fixture.put("routes/b", "1")],
            urgency: .normal,
            wallMilliseconds: Fixture.wall + 1_000,
            at: Fixture.start
        )
        let own = try #require(store.record(Fixture.entity("routes/b")))
        #expect(own.version.stamp.milliseconds == Fixture.wall + 1_000)
    }

    @Test("takes a stamp of at most 500 ms ahead and writes above it")
    func writesAboveObserved() throws {
        var store = Fixture.store()
        _ = store.take([Fixture.record("routes/a", "1", at: 1_500, by: 5)])

        let effects = try store.write(
            [Fixture.put("routes/a", "2")],
            urgency: .normal,
            wallMilliseconds: Fixture.wall,
            at: Fixture.start
        )

        #expect(effects.applied.first?.version.stamp ?? .zero > Fixture.version(1_500, 5).stamp)
        #expect(store.record(Fixture.entity("routes/a"))?.body == Array("2".utf8))
    }

    /// Writes by three nodes to few keys, replacing what each may have seen.
    private static func history(of count: Int, using dice: inout SeededGenerator) -> [Record] {
        var result: [Record] = []
        for step in 0..<count {
            let earlier = result.isEmpty ? nil : result[dice.next(below: result.count)]
            let isDelete = dice.next(below: 4) == 0
            result.append(
                Fixture.record(
                    "k/\(dice.next(below: 6))",
                    isDelete ? nil : "\(dice.next(below: 5))",
                    at: UInt64(dice.next(below: count)),
                    by: UInt64(10 + step % 3),
                    replaces: earlier?.version
                )
            )
        }
        return result
    }

    /// The slow obvious store: of each key, the one that nothing beats.
    private static func model(of history: [Record]) -> [Record] {
        let names = Set(history.map(\.key)).sorted()
        return names.compactMap { key in
            history.filter { $0.key == key }
                .max { left, right in
                    if left.version != right.version { return left.version < right.version }
                    if left.isTombstone != right.isTombstone { return right.isTombstone }
                    return left.body.lexicographicallyPrecedes(right.body)
                }
        }
        .map(self.withoutAncestry)
    }

    /// What a record says.
    ///
    /// Two records that differ only in what they replace are one write; either may be kept.
    private static func withoutAncestry(_ record: Record) -> Record {
        Record(
            key: record.key,
            version: record.version,
            isTombstone: record.isTombstone,
            body: record.body
        )
    }
}

@Suite("Concurrent edits")
struct ConflictTests {
    private let base = Fixture.record("routes/a", "base", at: 1, by: 1)
    private var left: Record {
        Fixture.record("routes/a", "left", at: 2, by: 2, replaces: self.base.version)
    }
    private var right: Record {
        Fixture.record("routes/a", "right", at: 3, by: 3, replaces: self.base.version)
    }

    @Test("are reported with the same winner in whatever order they come")
    func sameWinner() {
        var first = Fixture.store(8)
        var second = Fixture.store(9)

        let one = [self.base, self.left, self.right].flatMap { first.take([$0]) }
        let two = [self.base, self.right, self.left].flatMap { second.take([$0]) }

        let conflict = Replication.Effect.conflict(winner: self.right, loser: self.left)
        #expect(one.filter(Self.isConflict) == [conflict])
        #expect(two.filter(Self.isConflict) == [conflict])
    }

    @Test("are reported once, however often the loser comes back")
    func reportedOnce() {
        var store = Fixture.store(8)
        let effects = [self.base, self.right, self.left, self.left, self.left]
            .flatMap { store.take([$0]) }

        #expect(effects.count(where: Self.isConflict) == 1)
        #expect(store.counters.conflicts == 1)
    }

    @Test("are not seen in successive edits, even when one was missed")
    func successionIsNoConflict() {
        let next = Fixture.record("routes/a", "next", at: 5, by: 2, replaces: self.right.version)
        var store = Fixture.store(8)

        let effects = [self.base, next, self.right].flatMap { store.take([$0]) }

        #expect(!effects.contains(where: Self.isConflict))
    }

    @Test("are not seen when both wrote the same")
    func agreementIsNoConflict() {
        let twin = Fixture.record("routes/a", "left", at: 3, by: 3, replaces: self.base.version)
        var store = Fixture.store(8)

        let effects = [self.base, self.left, twin].flatMap { store.take([$0]) }

        #expect(!effects.contains(where: Self.isConflict))
    }

    @Test("are seen between an edit and a deletion")
    func deletionConflicts() {
        let deletion = Fixture.record("routes/a", nil, at: 4, by: 3, replaces: self.base.version)
        var store = Fixture.store(8)

        let effects = [self.base, self.left, deletion].flatMap { store.take([$0]) }

        #expect(
            effects.filter(Self.isConflict) == [.conflict(winner: deletion, loser: self.left)]
        )
    }

    private static func isConflict(_ effect: Replication.Effect) -> Bool {
        if case .conflict = effect { return true }
        return false
    }
}
