import MeshPrimitives
import Testing

@testable import MeshMembership

@Suite("A node that is hard to reach")
struct WithdrawalTests {
    private var reach = OwnReach()
    private var clock = 0.0

    @Test("withdraws when most of its pings are lost for five seconds where relays succeed")
    mutating func withdraws() {
        #expect(self.ping([.answered], count: 40, isHeard: true).isEmpty)
        let changes = self.ping([.relayed, .unanswered, .relayed, .answered], count: 60)

        #expect(changes.map(\.change) == [.withdraw])
        #expect((45.0...60).contains(changes.first?.at ?? 0))
    }

    @Test("withdraws though some answers come in a row, as among many pings they do")
    mutating func lucky() {
        let pattern: [OwnReach.Outcome] = [
            .relayed, .relayed, .answered, .answered, .answered, .answered, .relayed, .relayed,
            .unanswered, .relayed,
        ]
        let changes = self.ping(pattern, count: 80, interval: 0.25)

        #expect(changes.map(\.change) == [.withdraw])
        #expect(changes.first.map { $0.at <= 12 } == true)
    }

    @Test("stays when relays fail as well, since then the loss is not its own fault")
    mutating func sharedLoss() {
        #expect(self.ping([.denied, .relayed, .unanswered, .denied], count: 300).isEmpty)
    }

    @Test("stays when its pings are lost for three seconds only")
    mutating func hiccup() {
        _ = self.ping([.answered], count: 40)
        #expect(self.ping([.relayed], count: 14, interval: 0.2).isEmpty)
        #expect(self.ping([.answered], count: 60).isEmpty)
    }

    @Test("stays in a mesh of seven")
    mutating func smallMesh() {
        #expect(self.ping([.relayed], count: 100, others: 6).isEmpty)
    }

    @Test("withdraws when it hears nobody for ten intervals, and not when it only stood still")
    mutating func deaf() {
        #expect(self.ping([.unanswered], count: 11, interval: 0.5, isHeard: false).isEmpty)
        let changes = self.ping([.unanswered], count: 20, interval: 0.5, isHeard: false)
        #expect(changes.map(\.change) == [.withdraw])
        #expect((changes.first?.at ?? 0) >= 10)

        var still = WithdrawalTests()
        still.clock = 60
        #expect(still.ping([.unanswered], count: 3, isHeard: false).isEmpty)
    }

    @Test("comes back when it was well for 30 s, after a second withdrawal for 60 s")
    mutating func resumes() {
        let first = self.ping([.relayed], count: 60)
        #expect(first.map(\.change) == [.withdraw])
        #expect(self.ping([.relayed], count: 200).isEmpty)
        let well = self.clock
        let back = self.ping([.answered], count: 60)
        #expect(back.map(\.change) == [.resume])
        #expect((30.0...45).contains((back.first?.at ?? 0) - well))

        _ = self.ping([.relayed], count: 60)
        #expect(self.reach.isWithdrawn)
        let again = self.clock
        let second = self.ping([.answered], count: 120)
        #expect((60.0...75).contains((second.first?.at ?? 0) - again))
    }

    @Test("counts as failed by its own word, and what it says of others counts no more")
    func isBelieved() {
        var bench = Bench(peers: 4)
        bench.hear(message(.gossip, from: 3, [.record(withdrawn(2, 2))]), at: 1)
        #expect(bench.state(of: 2) == .failed)

        bench.hear(message(.gossip, from: 2, [claim(4, .suspect, by: 2)]), at: 1.1)
        #expect(bench.state(of: 4) == .alive)
        bench.hear(message(.gossip, from: 3, [claim(4, .suspect, by: 3)]), at: 1.2)
        #expect(bench.state(of: 4) == .suspect)

        bench.hear(message(.gossip, from: 3, [claim(2, .alive, 3)]), at: 1.3)
        #expect(bench.state(of: 2) == .alive)
    }

    @Test("says nothing that counts to who does not know the accused either")
    func isNoWitness() {
        var bench = Bench(peers: 4)
        bench.hear(message(.gossip, from: 3, [.record(withdrawn(2, 2))]), at: 1)
        let told = { (number: UInt64, accuser: UInt64) -> [MemberUpdate] in
            let verdict = accusation(number, .failed, by: accuser, age: 60)
            return [.record(record(number)), .accusation(verdict)]
        }

        bench.hear(message(.gossip, from: 3, told(9, 2) + told(10, 3)), at: 1.1)

        #expect(bench.state(of: 9) == .alive)
        #expect(bench.state(of: 10) == .failed)
    }

    @Test("is kept by who restarts or comes, however long it has been known")
    func isKept() {
        let told = [
            MemberUpdate.record(withdrawn(9, 2), age: 300_000),
            .record(withdrawn(10, 2, hasLeft: true), age: 100),
        ]
        var restarted = Bench.stopped()
        restarted.restore(told, at: instant(0))
        #expect(restarted.member(node(10))?.since == instant(-100))
        _ = restarted.start(seeds: [], at: instant(0))
        for second in 1...70 { _ = restarted.wake(at: instant(Double(second))) }
        var newcomer = Bench(peers: 2)
        newcomer.hear(message(.gossip, from: 2, told), at: 0)
        newcomer.run(from: 0, to: 70, living: [2, 3])

        for membership in [restarted, newcomer.membership] {
            #expect(membership.member(node(9))?.state == .failed)
            let known = membership.knownMembers(at: instant(70))
            #expect(known.contains(.record(withdrawn(9, 2), age: 300_070)))
        }
    }

    @Test("makes no room, unless it has left or an operator says that it is gone")
    func keepsItsPlace() {
        var table = MemberTable(limit: 10, region: "eu")
        let members = [
            Member(signed: withdrawn(2, 2), state: .failed, since: instant(0)),
            Member(signed: withdrawn(3, 2, hasLeft: true), state: .left, since: instant(1)),
            Member(signed: withdrawn(4, 2), state: .left, since: instant(2)),
            Member(signed: record(5), state: .failed, since: instant(3)),
            Member(signed: record(6), state: .alive, since: instant(4)),
        ]
        for member in members { _ = table.store(member) }

        #expect(table.tombstones.map(\.id) == [node(3), node(4), node(5)])
        #expect(table.goneCount == 3)
        _ = table.store(members[3])
        _ = table.store(Member(signed: record(4, 3), state: .alive, since: instant(5)))
        table.remove(node(2))
        table.remove(node(3))
        #expect(table.goneCount == 1)
        _ = table.store(Member(signed: record(6), state: .failed, since: instant(6)))
        #expect(table.goneCount == 2)
    }

    @Test("can be withdrawn by nobody else")
    func isSigned() {
        var bench = Bench(peers: 4)
        bench.hear(message(.gossip, from: 3, [.record(withdrawn(2, 2, signedBy: 3))]), at: 1)

        #expect(bench.state(of: 2) == .alive)
        #expect(bench.membership.statistics.recordsForged == 1)
    }

    @Test("says so in bytes that others read back")
    func encoding() throws {
        let signed = withdrawn(2, 5)
        let read = try SignedRecord(
            decoding: signed.bytes,
            signature: signed.signature,
            identify: { _ in node(2) }
        )

        #expect(read.record == signed.record)
        #expect(read.record.isWithdrawn && !read.record.hasLeft)
    }

    /// Pings of which the outcomes repeat, one per interval, and what followed.
    private mutating func ping(
        _ outcomes: [OwnReach.Outcome],
        count: Int,
        interval: Double = 1,
        isHeard: Bool = true,
        others: Int = 20
    ) -> [(change: OwnReach.Change, at: Double)] {
        var changes: [(change: OwnReach.Change, at: Double)] = []
        let heard = isHeard ? nil : instant(self.clock)
        for number in 0..<count {
            self.clock += interval
            self.reach.note(outcomes[number % outcomes.count])
            let change = self.reach.consider(
                lastHeard: heard ?? instant(self.clock),
                interval: .seconds(1),
                others: others,
                at: instant(self.clock)
            )
            if let change { changes.append((change, self.clock)) }
        }
        return changes
    }
}

private func withdrawn(
    _ number: UInt64,
    _ incarnation: UInt64,
    hasLeft: Bool = false,
    signedBy signer: UInt64? = nil
) -> SignedRecord {
    var record = record(number, incarnation, hasLeft: hasLeft).record
    record.isWithdrawn = true
    return SignedRecord(record, signing: FakeKeys.identity(signer ?? number).sign)
}
