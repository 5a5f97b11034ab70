import MeshMembership
import MeshPrimitives
import Testing

@Suite("A membership that joins and leaves")
struct JoiningTests {
    @Test("compares everything with each seed, and tries again with growing pauses")
    func retriesSeeds() {
        var membership = Self.lonely()
        var attempts: [Double] = []
        var effects = membership.start(seeds: [endpoint(2)], at: instant(0))
        for second in stride(from: 0.0, to: 20, by: 0.05) {
            effects += membership.wake(at: instant(second))
            attempts += effects.streamed.map { _ in second }
            effects = []
        }

        let pauses = zip(attempts, attempts.dropFirst()).map { $1 - $0 }
        #expect(attempts.first == 0)
        #expect((3...6).contains(attempts.count))
        #expect(pauses == pauses.sorted())
    }

    @Test("does not contact itself when it is among the seeds")
    func skipsItself() {
        var membership = Self.lonely()

        let effects = membership.start(seeds: [endpoint(1)], at: instant(0))

        #expect(effects.streamed.isEmpty)
    }

    @Test("tries new seeds at once")
    func setsSeeds() {
        var membership = Self.lonely()
        _ = membership.start(seeds: [endpoint(2)], at: instant(0))
        _ = membership.setSeeds([endpoint(3)], at: instant(1))

        let effects = membership.wake(at: instant(1))

        #expect(effects.streamed.map(\.to) == [endpoint(3)])
    }

    @Test("answers a newcomer with all it knows, and takes it in")
    func admits() {
        var bench = Bench(peers: 2)

        let reply = bench.membership.receiveStream(
            message(.sync, from: 7, [claim(7, .alive)]),
            from: node(7),
            at: instant(1)
        )

        #expect(reply.answer?.kind == .syncAnswer)
        #expect(reply.answer?.updates.map(\.subject) == [1, 2, 3, 7].map(node))
        #expect(bench.state(of: 7) == .alive)
    }

    @Test("refuses a newcomer with the name of a living member")
    func refusesNamesake() {
        var bench = Bench(peers: 2)

        let reply = bench.membership.receiveStream(
            message(.sync, from: 7, [claim(7, .alive, name: "node-2")]),
            from: node(7),
            at: instant(1)
        )

        let conflict = MembershipEvent.nameConflict(
            holder: profile(2),
            refused: profile(7, name: "node-2")
        )
        #expect(reply.answer?.kind == .refusal(nameHolder: node(2)))
        #expect(reply.answer?.updates == [claim(2, .alive)])
        #expect(reply.effects.events == [conflict])
        #expect(bench.state(of: 7) == nil)
    }

    @Test("that is refused is not in the mesh, says by whom, and is in once the name is free")
    func reportsRefusal() {
        var membership = Self.lonely()
        _ = membership.start(seeds: [endpoint(2)], at: instant(0))
        let seeking = membership.admission
        let holder = claim(5, .alive, name: "node-1")

        let reply = membership.receiveStream(
            message(.refusal(nameHolder: node(5)), from: 2, [holder]),
            from: node(2),
            at: instant(1)
        )
        let refused = membership.admission
        _ = membership.receiveStream(
            message(.syncAnswer, from: 2, [claim(2, .alive)]),
            from: node(2),
            at: instant(2)
        )

        let named = profile(5, name: "node-1")
        #expect(seeking == .seeking)
        #expect(reply.effects.events == [.nameConflict(holder: named, refused: profile(1))])
        #expect(refused == .refused(by: named))
        #expect(membership.admission == .admitted)
    }

    @Test("believes no refusal without the holder's own word for it")
    func refusesForgedRefusals() {
        var membership = Self.lonely()
        _ = membership.start(seeds: [endpoint(2)], at: instant(0))
        let forgeries = [
            record(5, name: "node-1", signedBy: 2), record(5, name: "node-5"),
            record(5, hasLeft: true, name: "node-1"),
        ]

        for forgery in forgeries {
            _ = membership.receiveStream(
                message(.refusal(nameHolder: node(5)), from: 2, [.record(forgery)]),
                from: node(2),
                at: instant(1)
            )
        }

        #expect(membership.admission == .seeking)
    }

    @Test("does not go on beside a member of its name that a peer tells it of")
    func refusesItself() {
        var membership = Self.lonely()
        _ = membership.start(seeds: [endpoint(2)], at: instant(0))

        let sync = message(.sync, from: 2, [claim(2, .alive), claim(5, .alive, name: "node-1")])
        _ = membership.receiveStream(sync, from: node(2), at: instant(1))

        #expect(membership.admission == .refused(by: profile(5, name: "node-1")))
        #expect(membership.members.map(\.id) == [node(1)])
    }

    @Test("keeps a failed member's name for it for a while, against others from elsewhere only")
    func reclaimsNames() {
        var bench = Bench(peers: 3)
        bench.run(from: 0, to: 1, living: [2, 3, 4])
        bench.hear(message(.gossip, from: 3, [claim(2, .failed, by: 3)]), at: 1)
        bench.run(from: 1, to: 4, living: [3, 4])
        #expect(bench.state(of: 2) == .failed)
        let elsewhere = message(.sync, from: 20, [claim(20, .alive, name: "node-2")])
        let sameAddress = message(.sync, from: 21, [claim(21, .alive, name: "node-2", address: 2)])

        let soon = bench.membership.receiveStream(elsewhere, from: node(20), at: instant(4))
        bench.run(from: 4, to: 40, living: [3, 4])
        let later = bench.membership.receiveStream(elsewhere, from: node(20), at: instant(40))
        var other = Bench(peers: 3)
        other.run(from: 0, to: 1, living: [2, 3, 4])
        other.hear(message(.gossip, from: 3, [claim(2, .failed, by: 3)]), at: 1)
        other.run(from: 1, to: 4, living: [3, 4])
        let same = other.membership.receiveStream(sameAddress, from: node(21), at: instant(4))

        #expect(soon.answer?.kind == .refusal(nameHolder: node(2)))
        #expect(later.answer?.kind == .syncAnswer)
        #expect(bench.state(of: 20) == .alive)
        #expect(bench.state(of: 2) == nil)
        #expect(same.answer?.kind == .syncAnswer)
    }

    @Test("leaves a member that is renamed to a name in use what it was")
    func refusesRenaming() {
        var bench = Bench(peers: 3)

        bench.hear(message(.gossip, from: 3, [claim(2, .alive, 2, name: "node-3")]), at: 0.1)
        let sync = message(.sync, from: 2, [claim(2, .alive, 2, name: "node-3")])
        let reply = bench.membership.receiveStream(sync, from: node(2), at: instant(0.2))

        #expect(bench.membership.member(node(2))?.profile.name == "node-2")
        #expect(reply.answer?.kind == .refusal(nameHolder: node(3)))
    }

    @Test("of one node, told of no other, is in its mesh")
    func isAlone() {
        var membership = Self.lonely()
        _ = membership.start(seeds: [], at: instant(0))

        #expect(membership.admission == .admitted)
    }

    @Test("drops a stream message of another sender than the stream's")
    func dropsForeignSender() {
        var bench = Bench(peers: 1)

        let reply = bench.membership.receiveStream(
            message(.sync, from: 7, [claim(7, .alive)]),
            from: node(2),
            at: instant(1)
        )

        #expect(reply.answer == nil)
        #expect(bench.state(of: 7) == nil)
    }

    @Test("compares notes with a stranger that pings it, once per second")
    func greetsStranger() {
        var bench = Bench(peers: 1)
        let ping = message(.ping(sequence: 1, target: node(1)), from: 9)

        let first = bench.hear(ping, at: 0.1)
        let second = bench.hear(ping, at: 0.2)

        #expect(first.streamed.map(\.to) == [endpoint(9)])
        #expect(second.streamed.isEmpty)
    }

    @Test("keeps contacting a failed member, so that a split heals")
    func contactsFailed() {
        var bench = Bench(peers: 1)
        bench.hear(message(.gossip, from: 3, [claim(2, .suspect, by: 3)]), at: 0.1)
        bench.hear(message(.gossip, from: 3, [claim(2, .failed, by: 3)]), at: 2.1)

        let effects = bench.run(from: 2.15, to: 100)

        #expect(effects.streamed.count { $0.to == endpoint(2) } >= 5)
    }

    @Test("exchanges everything with a member from time to time")
    func exchanges() {
        var bench = Bench(peers: 1)

        let effects = bench.run(from: 0, to: 70, living: [2])

        #expect((2...4).contains(effects.streamed.count { $0.to == endpoint(2) }))
    }

    @Test("says goodbye to its peers at once and tells when that is done")
    func leaves() {
        var bench = Bench(peers: 3)

        let effects = bench.membership.leave(at: instant(1))
        let later = bench.run(from: 1, to: 3)
        let silent = bench.hear(message(.ping(sequence: 1, target: node(1)), from: 2), at: 4)

        #expect(Set(effects.sent.map(\.to)) == Set([2, 3, 4].map(endpoint)))
        #expect(effects.gossiped.contains(claim(1, .left)))
        #expect(later.events == [.leaveFinished])
        #expect(silent.isEmpty)
    }

    @Test("comes back above what it was remembered as, and remembers whom it knew")
    func restores() {
        var membership = Self.lonely()
        membership.restore(
            [
                claim(1, .alive, 9), claim(2, .alive, 3), claim(2, .suspect, 3, by: 4),
                claim(3, .alive, 2), claim(3, .failed, 2, by: 4),
            ],
            at: instant(0)
        )

        let effects = membership.start(seeds: [], at: instant(0))

        #expect(membership.member(node(1))?.incarnation == 10)
        #expect(membership.member(node(2))?.state == .alive)
        #expect(membership.member(node(3))?.state == .failed)
        #expect(effects.streamed.map(\.to).contains(endpoint(2)))
        #expect(effects.events == membership.member(node(2)).map { [.joined($0)] })
    }

    private static func lonely() -> Membership {
        Membership(
            configuration: .lan,
            profile: profile(1),
            identity: FakeKeys.identity(1),
            start: MemberStart(boot: 0, token: 1),
            mesh: testMesh,
            incarnation: 1,
            generator: SeededGenerator(seed: 3)
        )
    }
}
