import MeshPrimitives
import Testing

@testable import MeshReplication

@Suite("The lifetime of records")
struct LifetimeTests {
    private static let hour: UInt64 = 3_600_000
    private var store = Fixture.store()

    @Test("ends an ephemeral record by age since it came, whatever its stamp says")
    mutating func endsByAge() {
        let record = Fixture.health(5, "down", at: 0)
        let came = self.store.take([record], after: .seconds(10), wallMilliseconds: Fixture.wall)

        #expect(came.contains(.wake(at: Fixture.after(.seconds(10) + .milliseconds(200)))) == false)
        #expect(self.store.wake(at: Fixture.after(.milliseconds(24_999))).acts.isEmpty)
        #expect(self.store.wake(at: Fixture.after(.seconds(25))).acts == [.expired([record])])
        #expect(self.store.records(of: .health).isEmpty)
    }

    @Test("does not bring an ended record back, but takes a later one")
    mutating func staysEnded() {
        let record = Fixture.health(5, "down", at: 0)
        let later = Fixture.health(5, "up", at: 1)
        _ = self.store.take([record])
        _ = self.store.wake(at: Fixture.after(.seconds(15)))

        #expect(self.store.take([record], after: .seconds(16)).acts.isEmpty)
        #expect(self.store.take([later], after: .seconds(16)).applied == [later])
    }

    @Test("is prolonged by renewal")
    mutating func renewal() {
        for second in 0..<20 {
            let record = Fixture.health(5, "down", at: UInt64(second))
            _ = self.store.take([record], after: .seconds(second))
            _ = self.store.wake(at: Fixture.after(.seconds(second)))
        }

        #expect(self.store.records(of: .health).count == 1)
        #expect(!self.store.wake(at: Fixture.after(.seconds(34))).acts.isEmpty)
    }

    @Test("shows the deletion of an ephemeral record and then forgets it")
    mutating func deletedEphemeral() throws {
        let record = Fixture.health(5, "down", at: 0)
        let deletion = Record(
            key: record.key,
            version: Fixture.version(1, 5),
            isTombstone: true
        )
        _ = self.store.take([record])

        #expect(self.store.take([deletion]).applied == [deletion])
        #expect(self.store.records(of: .health).isEmpty)
        #expect(self.store.wake(at: Fixture.after(.seconds(15))).acts.isEmpty)
        #expect(self.store.record(record.key) == nil)
    }

    @Test("keeps a deletion for 72 hours, then forgets it")
    mutating func collectsTombstones() {
        let tombstone = Fixture.record("a", nil, at: 0, by: 5)
        _ = self.store.take([Fixture.record("b", "x", at: 0, by: 5), tombstone])
        let root = self.store.rootDigest

        let early = self.store.wake(at: Fixture.after(.seconds(71 * 3_600)))
        let late = self.store.wake(at: Fixture.after(.seconds(73 * 3_600)))

        #expect(early.acts.isEmpty)
        #expect(late.acts == [.collected([tombstone])])
        #expect(self.store.record(tombstone.key) == nil)
        #expect(self.store.rootDigest != root)
        #expect(self.store.records(of: .entity).count == 1)
    }

    @Test("does not take a forgotten deletion back from a peer that still has it")
    mutating func refusesOldTombstone() {
        let wall = Fixture.wall + 73 * Self.hour
        let tombstone = Fixture.record("a", nil, at: 0, by: 5)

        #expect(self.store.take([tombstone], wallMilliseconds: wall).acts.isEmpty)
    }

    @Test("deletes again what a peer brings back that was away for too long")
    mutating func revivesTombstone() throws {
        let old = Fixture.record("a", "x", at: 0, by: 5)
        let tombstone = Fixture.record("a", nil, at: 10, by: 5, replaces: old.version)
        _ = self.store.take([old])
        _ = self.store.take([tombstone])
        _ = self.store.wake(at: Fixture.after(.seconds(73 * 3_600)))
        #expect(self.store.record(old.key) == nil)

        let wall = Fixture.wall + 73 * Self.hour
        let effects = self.store.take([old], after: .seconds(73 * 3_600), wallMilliseconds: wall)

        #expect(effects.applied.isEmpty)
        let revived = try #require(self.store.record(old.key))
        #expect(revived.isTombstone)
        #expect(revived.version == tombstone.version)
        #expect(effects.acts == [.persist([revived])])
    }

    @Test("forgets the oldest deletions when there are too many")
    mutating func boundsTombstones() {
        var configuration = ReplicationConfiguration()
        configuration.tombstoneLimit = 5
        self.store = Fixture.store(1, configuration: configuration)
        let tombstones = (0..<9).map { Fixture.record("t\($0)", nil, at: UInt64($0), by: 5) }

        let effects = self.store.take(tombstones)
        #expect(effects.contains(.wake(at: Fixture.start)))
        let collected = self.store.wake(at: Fixture.start)

        #expect(collected.acts == [.collected(Array(tombstones.prefix(4)))])
        #expect(self.store.durableRecords.count == 5)
    }
}
