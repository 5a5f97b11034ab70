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

        bench.hear(message(.gossip, from: 3, [claim(2, .failed, by: 3)]), at: 1)
        #expect(bench.state(of: 2) == .suspect)

        bench.hear(message(.gossip, from: 3, [claim(2, .failed, by: 3)]), at: 1)
        #expect(bench.state(of: 2) == .failed)
    }

    @Test("refutes what is said against itself by a higher incarnation, and gossips it")
    func refutes() {
        var bench = Bench(peers: 1)

        let heard = bench.hear(
            message(.gossip, from: 2, [claim(1, .suspect, 4, by: 2)]),
            at: 0.1
        )
        let later = bench.run(from: 0.15, to: 1, living: [2])

        #expect(heard.events == [.refuted(incarnation: 5)])
        #expect(later.gossiped.contains { $0.profile.id == node(1) && $0.incarnation == 5 })
        #expect(bench.membership.member(node(1))?.incarnation == 5)
    }

    @Test("answers an old accusation with its own word")
    func answersOldAccusation() {
        var bench = Bench(peers: 1)
        bench.hear(message(.gossip, from: 2, [claim(1, .suspect, 4, by: 2)]), at: 0.1)
        bench.run(from: 0.15, to: 3, living: [2])

        let ping = MembershipMessage.Kind.ping(sequence: 1, target: node(1))
        let answer = bench.hear(message(ping, from: 2, [claim(1, .suspect, 4, by: 2)]), at: 3)

        #expect(answer.sent[0].message.updates.first?.incarnation == 5)
    }

    @Test("passes an accuser's confirmation on once, up to as many as count")
    func confirms() {
        var bench = Bench(peers: 6)
        for accuser in UInt64(3)...7 {
            bench.hear(message(.gossip, from: accuser, [claim(2, .suspect, by: accuser)]), at: 1)
        }

        #expect(bench.membership.member(node(2))?.suspectedBy == [node(3), node(4), node(5)])
    }

    @Test("lets only the member itself say that it left")
    func trustsOwnGoodbyeOnly() {
        var bench = Bench(peers: 2)

        bench.hear(message(.gossip, from: 3, [claim(2, .left, by: 3)]), at: 1)
        #expect(bench.state(of: 2) == .suspect)

        bench.hear(message(.gossip, from: 3, [claim(2, .left)]), at: 1)
        #expect(bench.state(of: 2) == .left)
    }

    @Test("ignores claims beyond their limits")
    func ignoresAbsurdClaims() {
        var bench = Bench(peers: 0)
        var long = claim(2, .alive)
        long.profile.name = String(repeating: "x", count: 65)
        var nameless = claim(3, .alive)
        nameless.profile.name = ""
        var old = claim(4, .alive)
        old.profile.protocolMinimum = 3
        let huge = claim(5, .alive, .max)

        bench.hear(message(.gossip, from: 9, [long, nameless, old, huge]), at: 1)
        bench.hear(message(.gossip, from: 9, [claim(1, .failed, .max)]), at: 1)

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
        bench.hear(message(.gossip, from: 3, [claim(2, .suspect, by: 3)]), at: 1)
        bench.hear(message(.gossip, from: 3, [claim(2, .failed, by: 3)]), at: 1)

        let effects = bench.hear(
            message(.gossip, from: 3, [claim(20, .alive, name: "node-2")]),
            at: 2
        )

        #expect(bench.state(of: 20) == .alive)
        #expect(bench.state(of: 2) == nil)
        #expect(effects.events.contains(.removed(node(2))))

        bench.hear(message(.gossip, from: 3, [claim(2, .failed, by: 3)]), at: 3)
        #expect(bench.state(of: 2) == nil, "old claims do not bring it back")
    }

    @Test("lets a node set up anew at the same address replace itself at once")
    func replacesSameAddress() {
        var bench = Bench(peers: 2)

        let hearsay = claim(20, .alive, name: "node-2", address: 2)
        let ownWord = claim(21, .alive, name: "node-2", address: 2)

        bench.hear(message(.gossip, from: 3, [hearsay]), at: 2)
        #expect(bench.state(of: 2) == .alive, "others may speak of an older identity")

        bench.hear(message(.gossip, from: 21, [ownWord]), at: 2)
        #expect(bench.state(of: 21) == .alive)
        #expect(bench.state(of: 20) == nil)
        #expect(bench.state(of: 2) == nil)
    }

    @Test("forgets a failed member on demand, and never a living one")
    func forgets() {
        var bench = Bench(peers: 2)
        bench.hear(message(.gossip, from: 3, [claim(2, .left)]), at: 1)

        let effects = bench.membership.forget(node(2), at: instant(2))
        _ = bench.membership.forget(node(3), at: instant(2))

        #expect(effects.events == [.removed(node(2))])
        #expect(bench.state(of: 3) == .alive)
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
}
