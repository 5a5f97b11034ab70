import MeshPrimitives
import Testing

@testable import MeshReplication

@Suite("A local write")
struct WriteTests {
    private var store = Fixture.store()

    @Test("stamps a changeset consecutively and names what each record replaces")
    mutating func stamps() throws {
        let first = try self.write([Fixture.put("routes/a", "1"), Fixture.put("routes/b", "1")])
        let second = try self.write([Fixture.put("routes/a", "2"), Fixture.delete("routes/b")])

        let stamps = (first.applied + second.applied).map(\.version.stamp.rawValue)
        let start = HybridTimestamp(milliseconds: Fixture.wall, counter: 0).rawValue
        #expect(stamps == [start, start + 1, start + 2, start + 3])
        #expect(second.applied.map(\.replaces) == first.applied.map(\.version))
        #expect(second.applied.map(\.isTombstone) == [false, true])
        #expect(second.acts.first == .persist(second.applied))
    }

    @Test("leaves out what changes nothing")
    mutating func leavesOutNoChange() throws {
        _ = try self.write([Fixture.put("routes/a", "1")])
        let root = self.store.rootDigest

        let effects = try self.write([Fixture.put("routes/a", "1"), Fixture.delete("routes/none")])

        #expect(effects.acts.isEmpty)
        #expect(self.store.rootDigest == root)
    }

    @Test("writes a key once when a changeset names it twice; the last wish counts")
    mutating func mergesWishes() throws {
        let effects = try self.write([Fixture.put("routes/a", "1"), Fixture.put("routes/a", "2")])

        #expect(effects.applied.map(\.body) == [Array("2".utf8)])
        #expect(effects.applied.first?.replaces == nil)
    }

    @Test("refuses a bad name, a large body or another's record, and changes nothing")
    mutating func refuses() throws {
        let long = RecordKey(kind: .entity, name: String(repeating: "n", count: 256))
        let foreign = RecordKey(kind: .health, owner: Fixture.node(7))
        let body = [UInt8](repeating: 0, count: 900_001)
        let good = Fixture.put("routes/good", "1")

        for name in ["", "has space", "\u{E4}"] {
            let key = RecordKey(kind: .entity, name: name)
            #expect(throws: ReplicationError.invalidName(key)) {
                try self.write([good, RecordChange(key: key, body: [])])
            }
        }
        #expect(throws: ReplicationError.invalidName(long)) {
            try self.write([good, RecordChange(key: long, body: [])])
        }
        #expect(throws: ReplicationError.foreignOwner(foreign)) {
            try self.write([good, RecordChange(key: foreign, body: [])])
        }
        let large = Fixture.entity("routes/large")
        #expect(
            throws: ReplicationError.bodyTooLarge(large, byteCount: 900_001, limit: 900_000)
        ) {
            try self.write([good, RecordChange(key: large, body: body)])
        }
        #expect(self.store.records(of: .entity).isEmpty)
        #expect(self.store.rootDigest == .zero)
    }

    @Test("refuses a changeset that does not fit as a whole, naming the bound")
    mutating func refusesWhenFull() throws {
        var configuration = ReplicationConfiguration()
        configuration.durableLimit = 3
        self.store = Fixture.store(1, configuration: configuration)
        _ = try self.write([Fixture.put("routes/a", "1"), Fixture.put("routes/b", "1")])

        let error = #expect(throws: ReplicationError.self) {
            try self.write([Fixture.put("routes/c", "1"), Fixture.put("routes/d", "1")])
        }

        #expect(error == .full(Fixture.entity("routes/d"), limit: "durableLimit"))
        #expect(self.store.records(of: .entity).count == 2)
        #expect("\(try #require(error))".contains("store is full (durableLimit)"))
    }

    @Test("renews an ephemeral record without touching disk or root")
    mutating func renewsEphemeral() throws {
        let key = RecordKey(kind: .nodeState, owner: Fixture.node(1))
        let change = RecordChange(key: key, body: [1])
        let first = try self.write([change])

        let second = try self.write([change])

        #expect(first.applied.count == 1)
        #expect(second.applied.count == 1)
        #expect(!second.contains { if case .persist = $0 { true } else { false } })
        #expect(self.store.rootDigest == .zero)
    }

    private mutating func write(_ changes: [RecordChange]) throws -> [Replication.Effect] {
        try self.store.write(
            changes,
            urgency: .urgent,
            wallMilliseconds: Fixture.wall,
            at: Fixture.start
        )
    }
}
