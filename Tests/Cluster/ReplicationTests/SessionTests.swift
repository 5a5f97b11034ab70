import MeshPrimitives
import Testing

@testable import MeshReplication

@Suite("An anti-entropy session")
struct SessionTests {
    private let peer = Fixture.node(2)
    private var store = Fixture.store()
    private var other = Fixture.store(2)

    @Test("starts at once when a peer shows another root, and not when it shows the same")
    mutating func startsOnMismatch() {
        self.meet()

        let equal = self.store.peerDigest(self.peer, .zero, at: Fixture.start)
        let different = self.mismatch(after: .zero)

        #expect(equal.acts.isEmpty)
        #expect(different.streamed.map(\.message) == [.digest(self.store.table.tree.buckets)])
    }

    @Test("exchanges what either side lacks in four messages")
    mutating func fourMessages() throws {
        self.meet()
        _ = self.store.take([
            Fixture.record("mine", "1", at: 1, by: 5), Fixture.record("both", "old", at: 1, by: 5),
        ])
        _ = self.other.take([
            Fixture.record("theirs", "1", at: 2, by: 6),
            Fixture.record("both", "new", at: 3, by: 6),
        ])

        let messages = try self.converse(self.mismatch(after: .zero))

        #expect(messages == 4)
        #expect(self.store.rootDigest == self.other.rootDigest)
        #expect(self.store.durableRecords == self.other.durableRecords)
        #expect(self.store.busy.isEmpty)
    }

    @Test("ends when nothing differs after all")
    mutating func nothingDiffers() throws {
        self.meet()
        let started = self.mismatch(after: .zero)
        let answers = Self.answer(
            try #require(started.streamed.first).message,
            from: 1,
            at: &self.other
        )

        #expect(answers.streamed.map(\.message) == [.summary(buckets: [], entries: [])])
        _ = Self.answer(answers.streamed[0].message, from: 2, at: &self.store)
        #expect(self.store.busy.isEmpty)
    }

    @Test("starts at most every 250 ms with one peer, and at half the rate while nothing changes")
    mutating func paced() {
        self.meet()
        var starts: [Int] = []
        for step in 0..<3_000 {
            let now = Fixture.after(.milliseconds(step * 10))
            var effects = self.store.wake(at: now)
            effects += self.mismatch(after: .milliseconds(step * 10))
            for streamed in effects.streamed {
                guard case .digest = streamed.message else { continue }
                starts.append(step * 10)
                _ = self.store.receive(
                    .summary(buckets: [], entries: []),
                    from: self.peer,
                    wallMilliseconds: Fixture.wall,
                    at: now
                )
            }
        }

        #expect(starts == [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 25_750])
    }

    @Test("is given up after 2 s without an answer and tried again")
    mutating func timesOut() {
        self.meet()
        let effects = self.mismatch(after: .zero)
        #expect(effects.streamed.count == 1)

        let early = self.store.wake(at: Fixture.after(.milliseconds(1_999)))
        let late = self.store.wake(at: Fixture.after(.seconds(2)))

        #expect(early.streamed.isEmpty)
        #expect(late.streamed.count == 1)
        #expect(self.store.counters.timeouts == 1)
    }

    @Test("runs with one of the peers that show the same root")
    mutating func oneSessionPerRoot() {
        let peers = (2...9).map { Fixture.node($0) }
        _ = self.store.setPeers(peers, at: Fixture.start)
        let root = ContentHash(high: 1, low: 1)

        let effects = peers.flatMap { self.store.peerDigest($0, root, at: Fixture.start) }
        let slow = self.store.wake(at: Fixture.after(.milliseconds(250)))

        #expect(effects.streamed.count == 1)
        #expect(slow.streamed.count == 1, "the first is slow, so a second peer is asked")
    }

    @Test("does not run with more than four peers at a time")
    mutating func boundedConcurrency() {
        let peers = (2...20).map { Fixture.node($0) }
        _ = self.store.setPeers(peers, at: Fixture.start)

        let effects = peers.flatMap {
            self.store.peerDigest($0, ContentHash(high: $0.low, low: 1), at: Fixture.start)
        }

        #expect(effects.streamed.count == 4)
    }

    @Test("does not fetch what it would refuse for its clock, and says so once")
    mutating func refusesClockInSummary() throws {
        self.meet()
        let ahead = Fixture.record("a", "x", at: 9_000, by: 6)
        _ = self.other.take([ahead], wallMilliseconds: Fixture.wall + 9_000)

        var refusals = 0
        for step in 0..<3 {
            let root = self.other.rootDigest
            let now = Fixture.after(.seconds(step))
            let started = self.store.peerDigest(self.peer, root, at: now)
            guard let digest = started.streamed.first else { continue }
            let summary = self.other.receive(
                digest.message,
                from: Fixture.node(1),
                wallMilliseconds: Fixture.wall,
                at: now
            )
            let effects = self.store.receive(
                try #require(summary.streamed.first).message,
                from: self.peer,
                wallMilliseconds: Fixture.wall,
                at: now
            )
            #expect(effects.streamed.isEmpty)
            refusals += effects.acts.count
        }

        #expect(refusals == 1)
    }

    private mutating func meet() {
        _ = self.store.setPeers([self.peer], at: Fixture.start)
        _ = self.other.setPeers([Fixture.node(1)], at: Fixture.start)
    }

    private mutating func mismatch(after delay: Duration) -> [Replication.Effect] {
        self.store.peerDigest(self.peer, ContentHash(high: 1, low: 1), at: Fixture.after(delay))
    }

    /// Carries stream messages to and fro until nobody answers; returns how many there were.
    private mutating func converse(_ effects: [Replication.Effect]) throws -> Int {
        var messages = effects.streamed.map(\.message)
        var count = 0
        var isToOther = true
        while !messages.isEmpty, count < 20 {
            var answers: [ReplicationMessage] = []
            for message in messages {
                count += 1
                let effects =
                    isToOther
                    ? Self.answer(message, from: 1, at: &self.other)
                    : Self.answer(message, from: 2, at: &self.store)
                answers += effects.streamed.map(\.message)
            }
            messages = answers
            isToOther.toggle()
        }
        return count
    }

    private static func answer(
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
