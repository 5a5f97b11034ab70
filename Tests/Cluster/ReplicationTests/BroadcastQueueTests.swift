import MeshPrimitives
import Testing

@testable import MeshReplication

@Suite("A broadcast queue")
struct BroadcastQueueTests {
    private var table = RecordTable(configuration: ReplicationConfiguration()) { Fixture.hash($0) }
    private var queue = BroadcastQueue(limit: 8)

    @Test("sends each key as often as it is told, fewest sent first")
    mutating func sendsBounded() {
        for name in ["a", "b", "c"] { self.add(Fixture.record(name, "x", at: 1, by: 1)) }
        var sends: [String: Int] = [:]
        for _ in 0..<20 {
            for record in self.pack(byteCount: 90).records {
                sends[record.key.name, default: 0] += 1
            }
        }

        #expect(sends == ["a": 4, "b": 4, "c": 4])
        #expect(self.queue.isEmpty)
    }

    @Test("starts a key over when its record changes")
    mutating func startsOver() {
        self.add(Fixture.record("a", "1", at: 1, by: 1))
        for _ in 0..<3 { _ = self.pack() }
        self.add(Fixture.record("a", "2", at: 2, by: 1))

        let bodies = (0..<9).flatMap { _ in self.pack().records.map(\.body) }

        #expect(bodies == Array(repeating: Array("2".utf8), count: 4))
    }

    @Test("drops what was sent most often when it is full")
    mutating func dropsMostSent() {
        for number in 0..<8 { self.add(Fixture.record("old\(number)", "x", at: 1, by: 1)) }
        _ = self.pack(byteCount: 50)
        self.add(Fixture.record("new", "x", at: 2, by: 1))

        let names = Set(self.pack().records.map(\.key.name))

        #expect(self.queue.count == 8)
        #expect(!names.contains("old0"))
        #expect(names.contains("new"))
    }

    @Test("leaves room for observations beside much configuration, and the reverse")
    mutating func sharesRoom() {
        self.queue = BroadcastQueue(limit: 100)
        for number in 0..<40 {
            self.add(Fixture.record("e\(number)", String(repeating: "x", count: 60), at: 1, by: 1))
            self.add(
                Record(
                    key: RecordKey(kind: .health, owner: Fixture.node(1), suffix: "\(number)"),
                    version: Fixture.version(1, 1),
                    body: [UInt8](repeating: 1, count: 30)
                )
            )
        }

        let kinds = self.pack().records.map(\.key.kind)

        #expect(kinds.count { $0 == .entity } >= 5)
        #expect(kinds.count { $0 == .health } >= 3)
    }

    @Test("sends one peer a record once per tick")
    mutating func skipsSent() {
        self.add(Fixture.record("a", "x", at: 1, by: 1))
        var sent: Set<RecordKey> = []
        let first = self.queue
            .pack(byteCount: 1_100, sendLimit: 4, skipping: &sent, from: self.table)
        let second = self.queue
            .pack(byteCount: 1_100, sendLimit: 4, skipping: &sent, from: self.table)

        #expect(first.records.count == 1)
        #expect(second.isEmpty)
    }

    private mutating func add(_ record: Record) {
        _ = self.table.set(record, since: Fixture.start)
        self.queue.insert(record.key)
    }

    private mutating func pack(byteCount: Int = 1_100) -> Parcel {
        var sent: Set<RecordKey> = []
        return self.queue
            .pack(byteCount: byteCount, sendLimit: 4, skipping: &sent, from: self.table)
    }
}
