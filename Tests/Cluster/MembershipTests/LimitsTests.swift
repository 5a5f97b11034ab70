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
}
