import MeshPrimitives
import Testing

@testable import MeshMembership

@Suite("A membership that probes")
struct ProbingTests {
    @Test("confirms a member that answers and learns its round trip")
    func confirms() {
        var bench = Bench(peers: 1)

        bench.run(from: 0, to: 3, living: [2])

        #expect(bench.state(of: 2) == .alive)
        #expect(bench.membership.member(node(2))?.roundTrip == .milliseconds(10))
    }

    @Test("asks three relays and a stream at once after the first miss")
    func widens() {
        var bench = Bench(peers: 5)

        let effects = bench.run(from: 0, to: 1.35)

        let pinged = effects.sent.compactMap { sent -> NodeID? in
            if case .ping(_, let target) = sent.message.kind { target } else { nil }
        }
        let asked = effects.sent.filter { sent in
            if case .pingRequest(_, pinged[0], _) = sent.message.kind { true } else { false }
        }
        let streams = effects.filter { effect in
            if case .probeByStream(pinged[0], _, _) = effect { true } else { false }
        }
        #expect(asked.count == 3)
        #expect(!asked.contains { $0.to == endpoint(pinged[0].low) })
        #expect(streams.count == 1)
    }

    @Test("suspects who does not answer, then fails it, and tells both")
    func fails() {
        var bench = Bench(peers: 1)

        let effects = bench.run(from: 0, to: 12)

        #expect(bench.state(of: 2) == .failed)
        #expect(effects.gossiped.charges.contains(accusation(2, .suspect, by: 1)))
        #expect(
            effects.events.count { event in
                if case .changed(let member, _) = event { member.id == node(2) } else { false }
            } == 2
        )
    }

    @Test("believes a relay's ack and a probe by stream")
    func believesOthers() {
        var bench = Bench(peers: 4)
        for second in stride(from: 0.0, to: 8.0, by: 0.05) {
            for effect in bench.membership.wake(at: instant(second)) {
                switch effect {
                case .send(let sent, let relay):
                    guard case .pingRequest(let sequence, _, _) = sent.kind else { continue }
                    let ack = message(.ack(sequence: sequence), from: UInt64(relay.port) - 7_944)
                    _ = bench.membership.receive(ack, from: relay, at: instant(second))
                case .probeByStream(_, _, let sequence):
                    _ = bench.membership.streamProbeFinished(
                        sequence: sequence,
                        succeeded: true,
                        at: instant(second)
                    )
                case .stream, .wake, .event, .peerDigest, .proved, .measured, .persistBoot,
                    .persistMesh:
                    continue
                }
            }
        }

        #expect((2...5).allSatisfy { bench.state(of: $0) == .alive })
    }

    @Test("ignores an ack from somebody who was not asked")
    func ignoresForeignAck() {
        var round = ProbeRound()
        round.begin(
            target: node(2),
            sequence: 9,
            timeout: .milliseconds(300),
            verdict: .seconds(1),
            at: instant(0)
        )

        let foreign = round.acknowledge(sequence: 9, from: node(3), measured: true, at: instant(0))
        let stale = round.acknowledge(sequence: 8, from: node(2), measured: true, at: instant(0))

        #expect(foreign == nil)
        #expect(stale == nil)
        #expect(round.isProbing(node(2)))
    }

    @Test("tells a suspect first that it is suspected")
    func buddy() {
        var bench = Bench(peers: 1)
        bench.hear(message(.gossip, from: 3, [claim(2, .suspect, by: 3)]), at: 0.1)

        let effects = bench.run(from: 0.15, to: 2)

        let ping = effects.sent.first { sent in
            if case .ping(_, node(2)) = sent.message.kind { true } else { false }
        }
        #expect(ping?.message.updates.first == claim(2, .suspect, by: 3))
    }

    @Test("takes a member for one that comes and goes a moment after a refutation, long after two")
    func comesAndGoes() {
        var bench = Bench()
        func isTaken(at second: Double) -> Bool {
            bench.membership.comesAndGoes(node(3), at: instant(second))
        }
        for (incarnation, second) in [(UInt64(1), 10.0), (2, 50.0)] {
            #expect(!isTaken(at: second))
            let charge = claim(3, .suspect, incarnation, by: 2)
            bench.hear(message(.gossip, from: 2, [charge]), at: second)
            bench.hear(message(.gossip, from: 3, [claim(3, .alive, incarnation + 1)]), at: second)
            #expect(isTaken(at: second + 19))
        }

        #expect(isTaken(at: 129))
        #expect(!isTaken(at: 131))
    }

    @Test("acknowledges a ping to itself, and denies to be whoever had its address before")
    func answersPing() {
        var bench = Bench(peers: 1)

        let own = bench.hear(message(.ping(sequence: 5, target: node(1)), from: 2), at: 0.1)
        let other = bench.hear(message(.ping(sequence: 6, target: node(9)), from: 2), at: 0.1)

        #expect(own.sent.map(\.message.kind) == [.ack(sequence: 5)])
        #expect(own.sent.map(\.to) == [endpoint(2)])
        #expect(own.contains(.peerDigest(node(2), ContentHash(high: 2, low: 2))))
        #expect(other.sent.map(\.message.kind) == [.nack(sequence: 6)])
        #expect(other.sent.first?.message.updates.map(\.subject) == [node(1)])
    }

    @Test("relays a ping to a member it knows: ack when answered, nack when not")
    func relays() {
        var bench = Bench(peers: 3)
        let request = MembershipMessage.Kind.pingRequest(
            sequence: 77,
            target: node(3),
            endpoint: endpoint(99)
        )

        let ping = bench.hear(message(request, from: 2), at: 0.01).sent[0]
        guard case .ping(let sequence, _) = ping.message.kind else {
            Issue.record("no ping")
            return
        }
        let ack = bench.hear(message(.ack(sequence: sequence), from: 3), at: 0.02)
        bench.hear(message(request, from: 2), at: 0.03)
        let later = bench.run(from: 0.05, to: 1)

        #expect(ping.to == endpoint(3), "its own table, not the asker's word")
        #expect(ack.sent.map(\.message.kind) == [.ack(sequence: 77)])
        #expect(later.sent.contains { $0.message.kind == .nack(sequence: 77) })
    }

    @Test("does not relay towards strangers")
    func relaysToMembersOnly() {
        var bench = Bench(peers: 1)
        let request = MembershipMessage.Kind.pingRequest(
            sequence: 77,
            target: node(50),
            endpoint: endpoint(50)
        )

        #expect(bench.hear(message(request, from: 2), at: 0.1).sent.isEmpty)
    }

    @Test("forgives everybody after it was not running itself")
    func forgivesOwnStall() {
        var bench = Bench(peers: 1)
        bench.run(from: 0, to: 1.9, living: [2])
        bench.hear(message(.gossip, from: 3, [claim(2, .suspect, by: 3)]), at: 1.9)

        _ = bench.membership.wake(at: instant(60))

        #expect(bench.state(of: 2) == .suspect)
    }

    @Test("holds back unconfirmed suspicions while most of its own probes fail, yet not for ever")
    func holdsWhileIsolated() {
        var bench = Bench(peers: 4)

        let early = bench.run(from: 0, to: 40)
        let isIsolated = bench.membership.isIsolated
        let states = (2...5).map { bench.state(of: $0) }
        bench.run(from: 40, to: 160)

        #expect(early.events.contains(.isolated))
        #expect(isIsolated)
        #expect(states.allSatisfy { $0 == .suspect })
        #expect((2...5).allSatisfy { bench.state(of: $0) == .failed })
    }
}
