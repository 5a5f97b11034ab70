import MeshPrimitives
import Testing

@testable import MeshReplication

@Suite("News")
struct SpreadTests {
    private var store = Fixture.store()

    @Test("goes to all of 16 peers at once when urgent")
    mutating func urgentToAll() throws {
        self.meet(16)

        let effects = try self.write([Fixture.put("a", "1")], .urgent)

        #expect(effects.sent.map(\.to) == (2...17).map { Fixture.node($0) })
        #expect(
            effects.sent.allSatisfy {
                $0.message == .push(records: effects.applied, offers: [], relays: 0)
            }
        )
    }

    @Test("goes to 8 of 17 peers at once when urgent, who pass it on once")
    mutating func urgentRelayed() throws {
        self.meet(17)

        let effects = try self.write([Fixture.put("a", "1")], .urgent)

        #expect(Set(effects.sent.map(\.to)).count == 8)
        #expect(
            effects.sent.allSatisfy {
                $0.message == .push(records: effects.applied, offers: [], relays: 1)
            }
        )
    }

    @Test("is relayed once, by nodes to which it is new, and not to its sender")
    mutating func relaysOnce() {
        self.meet(20)
        let record = Fixture.record("a", "1", at: 1, by: 5)

        let first = self.receive(.push(records: [record], offers: [], relays: 200))
        let second = self.receive(.push(records: [record], offers: [], relays: 1))

        #expect(first.sent.count == 8)
        #expect(
            first.sent.allSatisfy { $0.message == .push(records: [record], offers: [], relays: 0) }
        )
        #expect(!first.sent.map(\.to).contains(Fixture.node(2)))
        #expect(second.sent.isEmpty)
    }

    @Test("waits for the tick when it is a periodic report, and is sent a bounded number of times")
    mutating func normalByTick() throws {
        self.meet(5)
        let key = RecordKey(kind: .nodeState, owner: Fixture.node(1))
        let effects = try self.write([RecordChange(key: key, body: [1])], .normal)
        #expect(effects.sent.isEmpty)
        #expect(effects.contains(.wake(at: Fixture.after(.milliseconds(200)))))

        var sends = 0
        for step in 1...50 {
            let tick = self.store.wake(at: Fixture.after(.milliseconds(step * 100)))
            sends += tick.sent.count
        }

        #expect(sends == 4, "4 times ⌈log10(7)⌉")
    }

    @Test("too large for a datagram is announced, not pushed")
    mutating func announcesLarge() throws {
        self.meet(3)

        let effects = try self.write(
            [Fixture.put("a", String(repeating: "x", count: 2_000))],
            .urgent
        )

        let announcement = ReplicationMessage.announce(
            root: self.store.rootDigest,
            configurationStamp: self.store.configurationStamp
        )
        #expect(effects.sent.map(\.message) == [announcement, announcement, announcement])
    }

    @Test("too large and ephemeral is offered, and pulled once, from one peer")
    mutating func offersLargeReports() throws {
        self.meet(3)
        let key = RecordKey(kind: .health, owner: Fixture.node(1), suffix: "all")
        let body = [UInt8](repeating: 7, count: 5_000)
        let effects = try self.write([RecordChange(key: key, body: body)], .urgent)
        let offer = try #require(effects.sent.first).message
        guard case .push(let records, let offers, _) = offer else {
            Issue.record("expected an offer")
            return
        }
        #expect(records.isEmpty && offers.map(\.key) == [key])

        var other = Fixture.store(2)
        _ = other.setPeers([Fixture.node(1), Fixture.node(3)], at: Fixture.start)
        let asked = Self.receive(offer, from: 1, at: &other)
        let twice = Self.receive(offer, from: 3, at: &other)
        let pull = try #require(asked.streamed.first)
        #expect(pull.message == .exchange(records: [], wants: [key]))
        #expect(twice.streamed.isEmpty, "it is on its way already")

        let answer = try #require(self.receive(pull.message).streamed.first)
        let taken = Self.receive(answer.message, from: 1, at: &other)
        #expect(taken.applied.map(\.body) == [body])
        #expect(Self.receive(offer, from: 3, at: &other).streamed.isEmpty)
    }

    @Test("that only this node can tell greets a new peer, with the root")
    mutating func greetsArrivals() throws {
        let key = RecordKey(kind: .nodeState, owner: Fixture.node(1))
        let state = try self.write([RecordChange(key: key, body: [1])], .normal).applied
        _ = self.store.take([Fixture.health(5, "x", at: 1)])

        let effects = self.store.setPeers([Fixture.node(1), Fixture.node(2)], at: Fixture.start)
        let again = self.store.setPeers([Fixture.node(2)], at: Fixture.start)

        let announcement = ReplicationMessage.announce(root: .zero, configurationStamp: .zero)
        #expect(
            effects.sent.map(\.message) == [
                announcement, .push(records: state, offers: [], relays: 0),
            ]
        )
        #expect(effects.sent.allSatisfy { $0.to == Fixture.node(2) })
        #expect(again.acts.isEmpty)
    }

    private mutating func meet(_ count: UInt64) {
        _ = self.store.setPeers((2..<(count + 2)).map { Fixture.node($0) }, at: Fixture.start)
    }

    private mutating func write(
        _ changes: [RecordChange],
        _ urgency: RecordUrgency
    ) throws -> [Replication.Effect] {
        try self.store.write(
            changes,
            urgency: urgency,
            wallMilliseconds: Fixture.wall,
            at: Fixture.start
        )
    }

    private mutating func receive(_ message: ReplicationMessage) -> [Replication.Effect] {
        Self.receive(message, from: 2, at: &self.store)
    }

    private static func receive(
        _ message: ReplicationMessage,
        from sender: UInt64,
        at store: inout Replication
    ) -> [Replication.Effect] {
        store.receive(
            message,
            from: Fixture.node(sender),
            wallMilliseconds: Fixture.wall,
            at: Fixture.start
        )
    }
}
