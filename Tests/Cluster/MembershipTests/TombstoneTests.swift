import MeshPrimitives
import Testing

@testable import MeshMembership

@Suite("Tombstones")
struct TombstoneTests {
    /// What a peer tells of a member that was known for a while and then failed.
    private static func death(_ number: UInt64, known: UInt32, ago: UInt32) -> [MemberUpdate] {
        [
            .record(record(number), age: known),
            .accusation(accusation(number, .failed, by: 2, age: ago)),
        ]
    }

    @Test("of long ago are taken in as such, and are no news")
    func old() {
        var bench = Bench(peers: 1)

        bench.hear(message(.gossip, from: 2, Self.death(9, known: 90, ago: 60)), at: 1)

        #expect(bench.state(of: 9) == .failed)
        let after = bench.run(from: 1, to: 3, living: [2])
        #expect(!after.gossiped.contains { $0.subject == node(9) })
        let told = bench.membership.knownMembers(at: instant(11))
        #expect(told.contains(.record(record(9), age: 100)))
        #expect(told.charges.contains(accusation(9, .failed, by: 2)))
    }

    @Test("of just now are suspicions first")
    func young() {
        var bench = Bench(peers: 1)

        bench.hear(message(.gossip, from: 2, Self.death(9, known: 90, ago: 20)), at: 1)

        #expect(bench.state(of: 9) == .suspect)
    }

    @Test("of a member that refuted meanwhile, or of another incarnation, count for nothing")
    func refuted() {
        var bench = Bench(peers: 1)
        let news: [MemberUpdate] = [
            .record(record(9, 2)), .accusation(accusation(9, .failed, 1, by: 2, age: 60)),
        ]

        bench.hear(message(.gossip, from: 2, news), at: 1)

        #expect(bench.state(of: 9) == .alive)
    }

    @Test("above the limit make room at once, in the same order at all")
    func surplus() {
        let least = UInt32(Membership.leastTombstones)
        // Number 1,000 was there for a minute and more, and is gone for longest.
        let deaths =
            Self.death(1_000, known: 2_000, ago: 1_900)
            + (0..<least + 5).flatMap { Self.death(UInt64($0) + 100, known: 40 + $0, ago: 35 + $0) }
        var one = Bench(peers: 1)
        for start in stride(from: 0, to: deaths.count, by: 20) {
            let part = Array(deaths[start..<min(start + 20, deaths.count)])
            one.hear(message(.gossip, from: 2, part), at: 1)
        }
        var other = Bench(peers: 1, number: 50)
        _ = other.membership.receiveStream(
            message(.gossip, from: 2, deaths.reversed().pairs),
            from: node(2),
            at: instant(1)
        )

        for bench in [one, other] {
            #expect(bench.membership.statistics.tombstonesDropped == 6)
            let gone = bench.membership.members.filter { !$0.state.isPresent }.map(\.id.low)
            #expect(Set(gone) == Set((0..<UInt64(least) - 1).map { $0 + 100 } + [1_000]))
        }
        // What was dropped does not come back, nor is it said of anybody that it shall be dropped.
        one.hear(
            message(.gossip, from: 2, Self.death(100 + UInt64(least), known: 400, ago: 390)),
            at: 2
        )
        #expect(one.state(of: 100 + UInt64(least)) == nil)
        #expect(
            !one.membership.knownMembers(at: instant(2)).charges.contains {
                $0.verdict == .forgotten
            }
        )
    }

    @Test("of members met at a join, or before a restart, are as old as the members were")
    func lives() {
        var bench = Bench(peers: 0)
        let told: [MemberUpdate] = [
            .record(record(2), age: 5_000), .record(record(3), age: 10),
            .record(record(4), age: 10),
        ]
        _ = bench.membership.receiveStream(
            message(.syncAnswer, from: 2, told),
            from: node(2),
            at: instant(0)
        )
        var next = Bench.stopped()
        next.restore(bench.membership.knownMembers(at: instant(20)), at: instant(0))

        #expect(bench.membership.member(node(2))?.met == instant(-5_000))
        #expect(next.member(node(2))?.met == instant(-5_020))
        #expect(next.member(node(3))?.met == instant(-30))
    }

    @Test("of members that lived for days are as old as those were")
    func longLives() {
        var bench = Bench(peers: 1)

        bench.hear(message(.gossip, from: 2, Self.death(9, known: 300_000, ago: 250_000)), at: 1)

        #expect(bench.state(of: 9) == .failed)
        #expect(bench.membership.member(node(9))?.met == instant(1 - 300_000))
        #expect(bench.membership.member(node(9))?.lived == 3)
    }

    @Test("are as old as whoever knew the member first tells, now or later")
    func firstMet() {
        var bench = Bench(peers: 1)
        bench.hear(message(.gossip, from: 2, [.record(record(9))]), at: 1)
        bench.hear(message(.gossip, from: 2, [.record(record(9), age: 5_000)]), at: 2)
        bench.hear(message(.gossip, from: 2, [.record(record(9), age: 50)]), at: 3)
        #expect(bench.membership.member(node(9))?.met == instant(2 - 5_000))

        // What it says anew is passed on with the age of what this node knows.
        bench.hear(message(.gossip, from: 2, [.record(record(9, 2))]), at: 4)
        let told = bench.run(from: 4, to: 6, living: [2, 9]).gossiped.compactMap { update in
            if case .record(record(9, 2), let age) = update { age } else { nil }
        }
        #expect(!told.isEmpty && told.allSatisfy { (5_000...5_010).contains($0) })

        // A goodbye tells another age.
        bench.hear(
            message(.gossip, from: 2, [.record(record(9, 2, hasLeft: true), age: 9_000)]),
            at: 6
        )
        #expect(bench.membership.member(node(9))?.met == instant(2 - 5_000))
    }

    @Test("of this node would be no older than its start, whatever the clock says")
    func ownAge() {
        var membership = Bench.stopped()
        _ = membership.start(seeds: [], at: instant(100_000))

        let told = membership.knownMembers(at: instant(100_010))

        #expect(told == [.record(record(1), age: 10)])
    }

    @Test(
        "are no operator's word before this node can have tried the member",
        arguments: [Accusation.Verdict.expelled, .forgotten]
    )
    func untried(verdict: Accusation.Verdict) {
        var bench = Bench(peers: 1)
        let word = MemberUpdate.accusation(accusation(9, verdict, by: 2, age: 31))
        bench.hear(message(.gossip, from: 2, Self.death(9, known: 90, ago: 31) + [word]), at: 1)
        bench.hear(message(.gossip, from: 2, [.record(record(10)), word.of(10)]), at: 1)
        bench.hear(message(.gossip, from: 2, [word, word.of(10)]), at: 2)
        #expect(bench.state(of: 9) == .failed)
        #expect(bench.state(of: 10) == (verdict == .expelled ? .failed : .alive))

        let tried = bench.run(from: 2, to: 40, living: [2]).streamed.map(\.to)
        #expect(tried.contains(endpoint(9)) && tried.contains(endpoint(10)))
        bench.hear(message(.gossip, from: 2, [word, word.of(10)]), at: 40)
        let expected: MemberState? = verdict == .expelled ? .left : nil
        #expect(bench.state(of: 9) == expected)
        #expect(bench.state(of: 10) == expected)
    }

    @Test("that this node's own operator takes off the list are off it at once")
    func ownOperator() {
        var bench = Bench(peers: 1)
        bench.hear(message(.gossip, from: 2, Self.death(9, known: 90, ago: 31)), at: 1)

        _ = bench.membership.dismiss(node(9), .forgotten, at: instant(2))

        #expect(bench.state(of: 9) == nil)
    }

    @Test("a newcomer that was let in by datagram passes on nothing of what it is told then")
    func joinsByDatagram() {
        var bench = Bench(peers: 0)
        bench.hear(message(.syncAnswer, from: 2, [claim(2, .alive)]), at: 0)

        _ = bench.membership.receiveStream(
            message(.syncAnswer, from: 2, (2...30).map { claim($0, .alive) }),
            from: node(2),
            at: instant(0.1)
        )

        let after = bench.run(from: 0.1, to: 2, living: [2])
        #expect(!after.gossiped.records.contains { (3...30).contains($0.profile.id.low) })
    }
}

extension MemberUpdate {
    /// The same accusation of another.
    fileprivate func of(_ number: UInt64) -> MemberUpdate {
        guard case .accusation(var accusation) = self else { return self }
        accusation.subject = node(number)
        return .accusation(accusation)
    }
}

extension [MemberUpdate] {
    /// The same with each record before its verdict again, after they were turned around.
    fileprivate var pairs: [MemberUpdate] {
        stride(from: 0, to: self.count, by: 2).flatMap { [self[$0 + 1], self[$0]] }
    }
}
