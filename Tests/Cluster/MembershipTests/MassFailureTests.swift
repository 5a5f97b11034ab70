import MeshPrimitives
import Testing

@testable import MeshMembership

@Suite("A membership when many die at once")
struct MassFailureTests {
    /// How many of how many are killed.
    struct Case: CustomTestStringConvertible {
        let killed: Int
        let count: Int
        let seed: UInt64
        var testDescription: String { "\(self.killed) of \(self.count), seed \(self.seed)" }
    }

    private static let cases =
        [(1, 5), (4, 6), (9, 12)].flatMap { killed, count in
            (UInt64(1)...10).map { Case(killed: killed, count: count, seed: $0) }
        } + [Case(killed: 50, count: 100, seed: 1)]

    @Test("declares all of them within eight seconds, and nobody else", arguments: Self.cases)
    func declaresAll(kill: Case) {
        var fleet = Fleet(kill.count, seed: kill.seed)
        fleet.run(until: 10)
        let dead = (kill.count - kill.killed)..<kill.count
        fleet.kill(dead)

        #expect(fleet.run(until: 18) { $0.knowsFailed(dead) })
    }

    @Test("tells more members at once while much waits to be told, up to a limit")
    func bursts() {
        func told(of members: UInt64, _ configuration: MembershipConfiguration = .lan) -> Int {
            var bench = Bench(peers: members, configuration)
            let gossip = bench.run(from: 0, to: 0.2).sent.filter { $0.message.kind == .gossip }
            return gossip.count
        }
        var calm = MembershipConfiguration.lan
        calm.gossipBurst = 1

        #expect(told(of: 20) == 3)
        #expect(told(of: 100) == 6)
        #expect(told(of: 1_000) == 12)
        #expect(told(of: 1_000, calm) == 3, "never fewer than without")
    }

    @Test("tells each of many updates fewer times, and compares views soon afterwards")
    func massChange() {
        func outcome(of members: UInt64) -> (times: Int, compared: Int) {
            var bench = Bench(peers: members, .lan)
            let effects = bench.run(from: 0, to: 14.5, living: Set(2...(members + 1)))
            var told: [NodeID: Int] = [:]
            for (message, _) in effects.sent {
                for update in message.updates { told[update.subject, default: 0] += 1 }
            }
            let compared = effects.streamed.count {
                if case .compare = $0.message.kind { true } else { false }
            }
            return (told.values.sorted()[told.count / 2], compared)
        }

        #expect(outcome(of: 30) == (8, 0))
        #expect(outcome(of: 300) == (4, 1))
    }

    @Test("expires within eight seconds whoever died before a restart", arguments: UInt64(1)...5)
    func expiresUnproven(seed: UInt64) {
        var fleet = Fleet(20, seed: seed)
        let dead = 3..<20
        fleet.kill(dead)

        #expect(fleet.run(until: 8) { $0.knowsFailed(dead) })
    }

    @Test("holds its verdicts back when nobody is left to confirm them, and says so")
    func brakes() {
        var fleet = Fleet(6, seed: 1)
        fleet.run(until: 10)
        fleet.kill(1..<6)
        fleet.run(until: 30)

        #expect(fleet.events.contains { $0.event == .isolated })
        #expect(fleet.nodes[0]?.members.contains { $0.state == .failed } == false)
    }

    @Test("is whole again after nobody heard anybody for a while", arguments: UInt64(1)...5)
    func survivesSilence(seed: UInt64) {
        var fleet = Fleet(10, seed: seed)
        fleet.run(until: 10)
        fleet.isCut = true
        fleet.run(until: 45)
        fleet.isCut = false

        #expect(fleet.events.contains { $0.event == .withdrew })
        #expect(fleet.run(until: 120) { $0.knowsFailed([]) })
    }

    @Test("goes on alone when all others of a larger mesh stay silent", arguments: UInt64(1)...3)
    func lastSurvivor(seed: UInt64) {
        var fleet = Fleet(10, seed: seed)
        fleet.run(until: 10)
        fleet.kill(1..<10)

        #expect(fleet.run(until: 220) { $0.knowsFailed(1..<10) })
    }

    @Test(
        "declares nobody failed though a fifth of all datagrams is lost",
        arguments: UInt64(1)...3
    )
    func bearsLoss(seed: UInt64) {
        var fleet = Fleet(20, seed: seed, loss: 0.2)
        fleet.run(until: 120)

        #expect(fleet.knowsFailed([]))
        #expect(
            fleet.events.allSatisfy { entry in
                if case .changed(let member, _) = entry.event {
                    member.state != .failed
                } else {
                    true
                }
            }
        )
    }

    @Test("sends no more while all is well: a ping, an ack and little else")
    func isQuiet() {
        var fleet = Fleet(50, seed: 1)
        fleet.run(until: 30)
        let before = fleet.datagrams
        fleet.run(until: 60)

        let perNodeAndSecond = Double(fleet.datagrams - before) / 50 / 30
        #expect(perNodeAndSecond < 2.5)
    }
}
