import MeshMembership
import MeshPrimitives
import Testing

@Suite("A membership that is told something")
struct MergingTests {
    @Test("believes the higher incarnation, and at equal ones the worse state")
    func precedence() {
        var bench = Bench(peers: 1)
        bench.hear(message(.gossip, from: 3, [claim(2, .suspect, 1, by: 3)]), at: 1)
        #expect(bench.state(of: 2) == .suspect)

        bench.hear(message(.gossip, from: 3, [claim(2, .alive, 1)]), at: 1)
        #expect(bench.state(of: 2) == .suspect)

        bench.hear(message(.gossip, from: 3, [claim(2, .alive, 2)]), at: 1)
        #expect(bench.state(of: 2) == .alive)

        bench.hear(message(.gossip, from: 3, [claim(2, .failed, 1, by: 3)]), at: 1)
        #expect(bench.state(of: 2) == .alive)
    }

    @Test("takes a verdict about a member that looks alive as a suspicion")
    func tempersVerdicts() {
        var bench = Bench(peers: 2)
        bench.run(from: 0, to: 1, living: [2, 3])

        bench.hear(message(.gossip, from: 3, [claim(2, .failed, by: 3)]), at: 1)
        #expect(bench.state(of: 2) == .suspect)

        bench.hear(message(.gossip, from: 3, [claim(2, .failed, by: 3)]), at: 1.1)
        #expect(bench.state(of: 2) == .suspect, "a copy is no second witness")

        bench.run(from: 1.1, to: 2.9, living: [3])
        #expect(bench.state(of: 2) == .suspect)
        bench.run(from: 2.9, to: 3.2, living: [3])
        #expect(bench.state(of: 2) == .failed)
    }

    @Test("fails at once whom others declare failed and who was under suspicion long enough")
    func spreadsVerdicts() {
        var bench = Bench(peers: 2)
        bench.run(from: 0, to: 1, living: [2, 3])
        bench.hear(message(.gossip, from: 3, [claim(2, .suspect, by: 3)]), at: 1)
        bench.run(from: 1, to: 3.2, living: [3])
        #expect(bench.state(of: 2) == .suspect)

        bench.hear(message(.gossip, from: 3, [claim(2, .failed, by: 3)]), at: 3.2)

        #expect(bench.state(of: 2) == .failed)
        #expect(bench.membership.member(node(2))?.charges.map(\.accusation.verdict).last == .failed)
    }

    @Test("does not take a verdict that is overdue for a stall of its own")
    func overdueVerdict() {
        var bench = Bench(peers: 3)
        bench.run(from: 0, to: 1, living: [2, 3, 4])
        bench.hear(message(.gossip, from: 3, [claim(2, .suspect, by: 3)]), at: 1)
        bench.run(from: 1, to: 3.8, living: [3, 4])
        // Two of two confirmations make the suspicion end in the past.
        bench.hear(message(.gossip, from: 4, [claim(2, .suspect, by: 4)]), at: 3.9)
        bench.hear(message(.gossip, from: 3, [claim(2, .failed, by: 3)]), at: 3.95)
        let before = bench.membership.statistics.healthMultiplier

        bench.hear(message(.gossip, from: 4, [claim(4, .alive)]), at: 4.0)
        bench.run(from: 4, to: 4.2, living: [3, 4])

        #expect(bench.membership.statistics.healthMultiplier <= before)
        #expect(bench.state(of: 2) == .failed)
    }

    @Test("refutes what is said against itself by a higher incarnation, and gossips it")
    func refutes() {
        var bench = Bench(peers: 1)

        let heard = bench.hear(
            message(.gossip, from: 2, [claim(1, .suspect, by: 2)]),
            at: 0.1
        )
        let later = bench.run(from: 0.15, to: 1, living: [2])

        #expect(heard.events == [.refuted(incarnation: 2)])
        #expect(later.gossiped.contains { $0.subject == node(1) && $0.incarnation == 2 })
        #expect(bench.membership.member(node(1))?.incarnation == 2)
    }

    @Test("is moved by nobody to an incarnation that it has not reached itself")
    func boundsJumps() {
        var bench = Bench(peers: 1)

        let far = accusation(1, .failed, 1 << 61, by: 2)
        let heard = bench.hear(message(.gossip, from: 2, [.accusation(far)]), at: 0.1)

        #expect(heard.events.isEmpty)
        #expect(bench.membership.member(node(1))?.incarnation == 1)
    }

    @Test("answers an old accusation with its own word")
    func answersOldAccusation() {
        var bench = Bench(peers: 1)
        bench.hear(message(.gossip, from: 2, [claim(1, .suspect, by: 2)]), at: 0.1)
        bench.run(from: 0.15, to: 3, living: [2])

        let ping = MembershipMessage.Kind.ping(sequence: 1, target: node(1))
        let answer = bench.hear(message(ping, from: 2, [claim(1, .suspect, by: 2)]), at: 3)

        #expect(answer.sent[0].message.updates.first?.incarnation == 2)
    }

    @Test("passes an accuser's confirmation on once, up to as many as count")
    func confirms() {
        var bench = Bench(peers: 6)
        for accuser in UInt64(3)...7 {
            bench.hear(message(.gossip, from: accuser, [claim(2, .suspect, by: accuser)]), at: 1)
        }

        #expect(bench.membership.member(node(2))?.suspectedBy == [node(3), node(4), node(5)])
    }

    @Test("lets only the member itself say that it left, or an operator of one that failed")
    func trustsOwnGoodbyeOnly() {
        var bench = Bench(peers: 3)

        bench.hear(message(.gossip, from: 3, [claim(2, .left, by: 3)]), at: 1)
        #expect(bench.state(of: 2) == .suspect)
        let unsigned = record(4, 1, hasLeft: true, signedBy: 3)
        bench.hear(message(.gossip, from: 3, [.record(unsigned)]), at: 1)
        #expect(bench.state(of: 4) == .alive)

        bench.hear(message(.gossip, from: 3, [claim(2, .left)]), at: 1)
        #expect(bench.state(of: 2) == .left)
        #expect(bench.membership.member(node(2))?.isExpelled == false)
    }

    @Test("takes nobody's word but a member's own for its name, its place and its version")
    func refusesForgeries() {
        var bench = Bench(peers: 2)
        let renamed = record(2, 9, name: "other", signedBy: 3)
        let stranger = record(30, 1, signedBy: 3)

        bench.hear(message(.gossip, from: 3, [.record(renamed), .record(stranger)]), at: 1)

        #expect(bench.membership.member(node(2))?.profile.name == "node-2")
        #expect(bench.state(of: 30) == nil)
        #expect(bench.membership.statistics.recordsForged == 2)
    }

    @Test("checks a signature only where the record would change something")
    func verifiesOnce() {
        var bench = Bench(peers: 1)
        let before = bench.membership.statistics.recordsVerified

        for second in 1...20 {
            bench.hear(message(.gossip, from: 2, [claim(2, .alive)]), at: Double(second) / 100)
        }

        #expect(bench.membership.statistics.recordsVerified == before)
    }

    @Test("relays a record as the very bytes that were signed")
    func relaysBytes() throws {
        var bench = Bench(peers: 1)
        let newer = try SignedRecord(
            decoding: record(5).bytes + [1, 2, 3],
            signature: FakeKeys.signature(
                of: Array("meshgate member 1".utf8) + record(5).bytes + [1, 2, 3],
                FakeKeys.key(5)
            ),
            identify: { NodeID(high: 0, low: UInt64($0[31])) }
        )

        bench.hear(message(.gossip, from: 2, [.record(newer)]), at: 0.1)
        let sent = bench.run(from: 0.15, to: 1, living: [2])

        #expect(bench.state(of: 5) == .alive)
        #expect(sent.gossiped.contains(.record(newer)))
    }

    @Test("ignores records beyond their limits")
    func ignoresAbsurdClaims() {
        var bench = Bench(peers: 0)
        let long = claim(2, .alive, name: String(repeating: "x", count: 65))
        let nameless = claim(3, .alive, name: "")
        let huge = claim(5, .alive, .max)

        bench.hear(message(.gossip, from: 9, [long, nameless, huge]), at: 1)
        bench.hear(message(.gossip, from: 9, [claim(1, .failed, .max, by: 9)]), at: 1)

        #expect(bench.membership.members.map(\.id) == [node(1)])
        #expect(bench.membership.members[0].incarnation == 1)
    }

    @Test("remembers no more members than its limit")
    func boundsTable() {
        var configuration = MembershipConfiguration.lan
        configuration.memberLimit = 10
        var bench = Bench(peers: 0, configuration)

        bench.hear(message(.gossip, from: 2, (2...50).map { claim($0, .alive) }), at: 1)

        #expect(bench.membership.members.count == 11)
    }

    @Test("lets a new identity replace the failed one of its name")
    func replacesFailed() {
        var bench = Bench(peers: 2)
        bench.fail(2, at: 1)

        let effects = bench.hear(
            message(.gossip, from: 3, [claim(20, .alive, name: "node-2")]),
            at: 4
        )

        #expect(bench.state(of: 20) == .alive)
        #expect(bench.state(of: 2) == nil)
        #expect(effects.events.contains(.removed(node(2), name: "node-2")))

        bench.hear(message(.gossip, from: 3, [claim(2, .alive)]), at: 5)
        #expect(bench.state(of: 2) == nil, "old news does not bring it back")
    }

    @Test("drops a member when another identity of its name answers its ping from its address")
    func replacesSameAddress() throws {
        var bench = Bench(peers: 2)
        let newcomer = claim(21, .alive, name: "node-2", address: 2)

        bench.hear(message(.gossip, from: 21, [newcomer]), at: 2)
        #expect(bench.state(of: 2) == .alive, "whoever holds the ring can say that")

        let pings = bench.run(from: 2, to: 2.3).sent.compactMap { sent -> UInt32? in
            guard case .ping(let sequence, node(2)) = sent.message.kind else { return nil }
            return sequence
        }
        let denial = message(.nack(sequence: try #require(pings.first)), from: 21)
        _ = bench.membership.receive(denial, from: endpoint(9), at: instant(2.3))
        #expect(bench.state(of: 2) == .alive, "nor is it said from elsewhere")
        _ = bench.membership.receive(denial, from: endpoint(2), at: instant(2.3))

        #expect(bench.state(of: 2) == nil)
        #expect(bench.state(of: 21) == .alive)
    }

    @Test("forgets a member that is gone on demand and tells all, and never a living one")
    func forgets() {
        var bench = Bench(peers: 3)
        bench.hear(message(.gossip, from: 3, [claim(2, .left)]), at: 1)

        let effects = bench.membership.dismiss(node(2), .forgotten, at: instant(2))
        _ = bench.membership.dismiss(node(3), .forgotten, at: instant(2))
        let later = bench.run(from: 2, to: 3, living: [3, 4])
        bench.hear(message(.gossip, from: 3, [claim(2, .left)]), at: 3)

        #expect(effects.events == [.removed(node(2), name: "node-2")])
        #expect(later.gossiped.charges.contains(accusation(2, .forgotten, by: 1)))
        #expect(bench.state(of: 2) == nil)
        #expect(bench.state(of: 3) == .alive)
    }

    @Test("takes a failed member for gone on an operator's word, until it speaks again")
    func expels() {
        var bench = Bench(peers: 3)
        bench.fail(2, at: 1)

        _ = bench.membership.dismiss(node(2), .expelled, at: instant(4))
        _ = bench.membership.dismiss(node(3), .expelled, at: instant(4))

        #expect(bench.state(of: 2) == .left)
        #expect(bench.membership.member(node(2))?.isExpelled == true)
        #expect(bench.state(of: 3) == .alive)
        bench.hear(message(.gossip, from: 2, [claim(2, .alive, 2)]), at: 5)
        #expect(bench.state(of: 2) == .alive)
    }

    @Test("tells a peer that still remembers whom it has forgotten")
    func spreadsForgetting() {
        var bench = Bench(peers: 2)
        bench.fail(2, at: 1)
        _ = bench.membership.dismiss(node(2), .forgotten, at: instant(4))

        let sync = message(.sync, from: 3, [claim(3, .alive), claim(2, .alive)])
        let answer = bench.membership.receiveStream(sync, from: node(3), at: instant(5)).answer

        #expect(bench.state(of: 2) == nil)
        #expect(answer?.updates.charges == [accusation(2, .forgotten, by: 1)])
    }

    @Test("drops a tombstone when its time is over")
    func reaps() {
        var configuration = MembershipConfiguration.lan
        configuration.tombstoneLifetime = .seconds(60)
        var bench = Bench(peers: 1, configuration)
        bench.hear(message(.gossip, from: 2, [claim(2, .left)]), at: 1)

        bench.run(from: 1, to: 50)
        #expect(bench.state(of: 2) == .left)
        bench.run(from: 50, to: 120)

        #expect(bench.state(of: 2) == nil)
    }

    @Test("keeps the age of a tombstone over restarts and over what peers tell")
    func agesTombstones() {
        var configuration = MembershipConfiguration.lan
        configuration.tombstoneLifetime = .seconds(60)
        var bench = Bench(peers: 1, configuration)
        let left = MemberUpdate.record(record(5, 1, hasLeft: true), age: 30)
        bench.hear(message(.gossip, from: 2, [left]), at: 1)
        let saved = bench.membership.knownMembers(at: instant(11))

        var next = Bench(peers: 0, configuration)
        next.membership.restore(saved, at: instant(0))
        next.run(from: 0, to: 10)
        #expect(next.state(of: 5) == .left)
        next.run(from: 10, to: 60)

        #expect(saved.contains(.record(record(5, 1, hasLeft: true), age: 40)))
        #expect(next.state(of: 5) == nil)
    }
}

extension Bench {
    /// Lets a member be suspected and declared failed by number 3, over two seconds.
    fileprivate mutating func fail(_ number: UInt64, at second: Double) {
        self.run(from: 0, to: second, living: [2, 3, 4])
        self.hear(message(.gossip, from: 3, [claim(number, .failed, by: 3)]), at: second)
        self.run(from: second, to: second + 2.5, living: [3, 4])
    }
}
