import MeshPrimitives
import Testing

@testable import MeshMembership

@Suite("The bytes that a membership sends")
struct LimitsTests {
    /// Half a minute in which two hundred members have something new to say every second.
    private static func flooded(_ rate: Int) -> (sent: Int, bench: Bench) {
        var configuration = MembershipConfiguration.lan
        configuration.datagramRate = rate
        var bench = Bench(peers: 200, configuration)
        var sent = 0
        for second in 1...30 {
            let claims = (2...201).map { claim($0, .alive, UInt64(second) + 1) }
            for start in stride(from: 0, to: claims.count, by: 5) {
                let news = Array(claims[start..<(start + 5)])
                bench.hear(message(.gossip, from: 2, news), at: Double(second))
            }
            let effects = bench.run(
                from: Double(second),
                to: Double(second) + 0.95,
                living: Set(2...201)
            )
            sent += effects.sent.reduce(0) { $0 + $1.message.wireByteCount }
        }
        return (sent, bench)
    }

    @Test("are bounded, whatever there is to pass on, and what is held back is counted")
    func bounded() {
        let rate = 4_096
        let (free, calm) = Self.flooded(1 << 20)
        let (sent, held) = Self.flooded(rate)
        // Pings, and what relays are asked, go on with nothing left.
        let probes = Int(held.membership.statistics.probes) * 5 * MembershipMessage.fixedByteCount

        #expect(free > 46 * rate * 3)
        #expect(calm.membership.statistics.newsHeld == 0)
        #expect(sent <= 16 * rate + 30 * rate + probes + 1_400)
        #expect(held.membership.statistics.newsHeld > 0)
    }

    @Test("do not run out for a ping, nor for its answer")
    func probesGoOn() {
        var (_, bench) = Self.flooded(4_096)
        let asked = bench.hear(
            message(.ping(sequence: 9, target: node(1)), from: 7, incarnation: 31),
            at: 31
        )
        let woken = bench.run(from: 31, to: 33)

        #expect(asked.sent.map(\.message.kind) == [.ack(sequence: 9)])
        #expect(woken.sent.contains { if case .ping = $0.message.kind { true } else { false } })
    }

    @Test("are no more for pings on behalf of others than a full table of them lets through")
    func relays() {
        var bench = Bench(peers: 3)
        for sequence in 0..<UInt32(RelayTable.limit) + 7 {
            let kind = MembershipMessage.Kind.pingRequest(
                sequence: sequence,
                target: node(3),
                endpoint: endpoint(3)
            )
            bench.hear(message(kind, from: 2), at: 1)
        }

        let pings = bench.effects.sent.count {
            if case .ping(_, node(3)) = $0.message.kind { true } else { false }
        }
        #expect(pings == RelayTable.limit)
        #expect(bench.membership.statistics.relaysDropped == 7)
    }

    @Test("carry no news by what is answered for another, whoever asks")
    func reflectionByRelay() throws {
        var bench = Bench(peers: 200)
        let relayed = { (sequence: UInt32, target: UInt64) in
            message(
                .pingRequest(sequence: sequence, target: node(target), endpoint: endpoint(target)),
                from: 7
            )
        }
        let asked = bench.membership.receive(relayed(8, 3), from: endpoint(999), at: instant(1))
        _ = bench.membership.receive(relayed(9, 4), from: endpoint(999), at: instant(1))
        let ping = try #require(asked.sent.first { $0.to == endpoint(3) }?.message)
        guard case .ping(let sequence, _) = ping.kind else { throw CancellationError() }

        let lives = bench.hear(message(.ack(sequence: sequence), from: 3), at: 1.01)
        let silent = bench.membership.wake(at: instant(3))

        for (effects, kind) in [
            (lives, MembershipMessage.Kind.ack(sequence: 8)), (silent, .nack(sequence: 9)),
        ] {
            let answer = effects.sent.first { $0.to == endpoint(999) }?.message
            #expect(answer?.kind == kind)
            #expect(answer?.updates == [])
        }
    }

    @Test("carry no news towards an address where the asker is not reached")
    func reflection() {
        var bench = Bench(peers: 200)
        let ping = message(.ping(sequence: 9, target: node(1)), from: 7)

        let elsewhere = bench.membership.receive(ping, from: endpoint(999), at: instant(1))
        let home = bench.membership.receive(ping, from: endpoint(7), at: instant(1))

        let reply = elsewhere.sent.first { $0.to == endpoint(999) }?.message
        #expect(reply?.kind == .ack(sequence: 9))
        #expect((reply?.wireByteCount ?? .max) <= ping.wireByteCount)
        #expect((home.sent.first?.message.wireByteCount ?? 0) > ping.wireByteCount)
    }

    @Test("suffice to tell every newcomer a few members, and each time others")
    func answers() {
        var configuration = MembershipConfiguration.lan
        configuration.streamRate = 4_096
        var bench = Bench(peers: 2_000, configuration)
        var counts: [Int] = []
        var told: Set<NodeID> = []
        var bytes = 0
        for number in UInt64(3_000)..<3_050 {
            let question = message(.sync, from: number, [.record(record(number))])
            let answer = bench.membership.receiveStream(
                question,
                from: node(number),
                at: instant(2)
            )
            .answer
            counts.append(answer?.updates.count ?? 0)
            told.formUnion(answer?.updates.map(\.subject) ?? [])
            bytes += answer?.wireByteCount ?? 0
        }

        #expect(counts.first.map { $0 > 100 } == true)
        #expect(counts.allSatisfy { $0 >= 16 })
        #expect(counts.last.map { $0 < 40 } == true)
        #expect(bytes < 8 * 4_096 + 50 * 4_300)
        #expect(told.count > 500)
        #expect(bench.membership.statistics.answersCut >= 49)
    }

    @Test("do not run out for the node's own word against what is said of it")
    func ownWord() {
        var (_, bench) = Self.flooded(4_096)
        bench.hear(
            message(.gossip, from: 2, incarnation: 31, [claim(1, .suspect, 1, by: 2)]),
            at: 30.96
        )
        let told = bench.run(from: 30.96, to: 31.6, living: Set(2...201)).sent.count { sent in
            sent.message.kind == .gossip
                && sent.message.updates.records.contains { $0.incarnation == 2 }
        }

        #expect(told >= 9, "three rounds to three members")
    }
}

@Suite("A node's own word at its start")
struct OwnStartTests {
    @Test("takes its turn with that of all who start at once")
    func takesItsTurn() {
        var bench = Bench(peers: 200)
        let told = bench.run(from: 0, to: 0.85, living: Set(2...201)).sent.count { sent in
            sent.message.updates.records.contains { $0.profile.id == node(1) }
        }

        #expect(told < 6)
    }
}

@Suite("The members that a membership remembers")
struct RememberedTests {
    @Test("are no more than there is room for when members live for minutes only")
    func shortLived() {
        var bench = Bench(peers: 10)
        for number in UInt64(100)..<700 {
            let second = 1 + Double(number - 100) / 30
            bench.hear(message(.gossip, from: 2, [claim(number, .alive)]), at: second)
            bench.hear(message(.gossip, from: 2, [claim(number, .left)]), at: second + 0.01)
        }
        _ = bench.membership.wake(at: instant(61))

        #expect(bench.membership.statistics.members == 11 + 256)
        #expect(bench.state(of: 100) == nil, "the longest gone are dropped")
        #expect(bench.state(of: 699) == .left)
    }

    @Test("are told again by nobody who has just come and was told of them")
    func toldAtJoin() {
        var bench = Bench(peers: 0)
        let living = Set(UInt64(2)...40)
        let answer = message(.syncAnswer, from: 2, (3...40).map { claim($0, .alive) })
        _ = bench.membership.receiveStream(answer, from: node(2), at: instant(1))
        let told = bench.run(from: 1, to: 6, living: living).gossiped.records
        #expect(bench.membership.statistics.members == 39)
        #expect(told.allSatisfy { $0.profile.id == node(1) })

        bench.hear(message(.gossip, from: 2, [claim(50, .alive)]), at: 6)
        let later = bench.run(from: 6, to: 9, living: living).gossiped.records
        #expect(later.contains { $0.profile.id == node(50) })
    }

    @Test("are told to have failed only while that is news")
    func longPast() {
        var bench = Bench(peers: 20)
        let charges = [accusation(3, .failed, by: 4, age: 600), accusation(5, .failed, by: 4)]
        let news = charges.map { MemberUpdate.accusation($0) }
        bench.hear(message(.gossip, from: 4, news), at: 1)
        let living = Set(UInt64(2)...21).subtracting([3, 5])
        let told = bench.run(from: 1, to: 9, living: living).gossiped.charges
        let failed = Set(told.filter { $0.verdict == .failed }.map(\.subject))

        #expect(bench.state(of: 3) == .failed && bench.state(of: 5) == .failed)
        #expect(failed == [node(5)])
    }

    @Test("are all kept when most of a large mesh fails at once, so that a cut heals")
    func massFailure() {
        var bench = Bench(peers: 500)
        let claims = (2...401).flatMap { [claim($0, .failed, 1, by: 500)] }
        for start in stride(from: 0, to: claims.count, by: 20) {
            bench.hear(message(.gossip, from: 500, Array(claims[start..<(start + 20)])), at: 1)
        }
        _ = bench.run(from: 1, to: 9, living: Set(402...501))
        let failed = (UInt64(2)...401).count { bench.state(of: $0) == .failed }
        _ = bench.run(from: 9, to: 320, living: Set(402...501))

        #expect(failed == 400)
        #expect(bench.membership.statistics.members == 501)
    }

    @Test("are those that a cut took away, however many come and go meanwhile")
    func cut() {
        var bench = Bench(peers: 100)
        bench.fail(2...61, by: 100, at: 60, living: 62...101)
        for round in UInt64(0)..<4 {
            let (first, second) = (1_000 + 100 * round, 70 + 10 * Double(round))
            for number in first..<(first + 100) {
                bench.hear(message(.gossip, from: 100, [claim(number, .alive)]), at: second)
            }
            bench.fail(first...(first + 99), by: 100, at: second, living: 62...101)
        }
        _ = bench.run(from: 110, to: 180, living: Set(62...101))

        #expect(bench.membership.statistics.members == 41 + 2 * 140)
        #expect((UInt64(2)...61).allSatisfy { bench.state(of: $0) == .failed })
    }

    @Test("are all that were known before a restart, and restarts add up to no more")
    func restarted() {
        var membership = Bench.stopped()
        let restored = (2...11).map { claim($0, .alive) } + (12...611).map { claim($0, .left) }
        membership.restore(restored, at: instant(0))
        _ = membership.start(seeds: [], at: instant(0))
        _ = membership.wake(at: instant(61))
        #expect(membership.statistics.members == 611)

        for number in UInt64(700)..<1_000 {
            let news = [claim(number, .alive), claim(number, .left)]
            for update in news {
                let gossip = message(.gossip, from: 2, [update])
                _ = membership.receive(gossip, from: endpoint(2), at: instant(62))
            }
        }
        _ = membership.wake(at: instant(125))
        let gone = membership.members.count { !$0.state.isPresent }
        #expect(gone == 600)
    }

    @Test("are taken in again by their own word alone, if there was only no room for them")
    func ownWord() {
        var configuration = MembershipConfiguration.lan
        configuration.memberLimit = 5
        var bench = Bench(peers: 5, configuration)
        bench.fail(6...6, by: 2, at: 1, living: 2...5)
        bench.hear(message(.gossip, from: 2, [claim(12, .alive)]), at: 11)
        #expect(bench.state(of: 6) == nil)

        bench.hear(message(.gossip, from: 2, [claim(12, .left)]), at: 12)
        bench.hear(message(.gossip, from: 2, [claim(6, .alive)]), at: 13)
        #expect(bench.state(of: 6) == nil)
        bench.hear(message(.gossip, from: 6, [claim(6, .alive)]), at: 14)
        #expect(bench.state(of: 6) == .alive)
    }

    @Test("make room for a newcomer, the one that left first, but not while they are there")
    func full() {
        var configuration = MembershipConfiguration.lan
        configuration.memberLimit = 6
        var bench = Bench(peers: 4, configuration)
        for number in UInt64(10)...11 {
            bench.hear(message(.gossip, from: 2, [claim(number, .alive)]), at: 1)
        }
        bench.hear(message(.gossip, from: 2, [claim(10, .left)]), at: 2)
        bench.hear(message(.gossip, from: 2, [claim(12, .alive)]), at: 3)
        bench.hear(message(.gossip, from: 2, [claim(13, .alive)]), at: 4)

        #expect(bench.state(of: 10) == nil)
        #expect(bench.state(of: 12) == .alive)
        #expect(bench.state(of: 13) == nil)
        #expect(bench.membership.statistics.membersRefused == 1)
    }
}
