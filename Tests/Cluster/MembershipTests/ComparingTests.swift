import MeshPrimitives
import Testing

@testable import MeshMembership

@Suite("Two memberships that compare")
struct ComparingTests {
    /// Lets one compare with the other, and gives the messages between them.
    private static func compare(_ one: inout Bench, _ other: inout Bench) -> [MembershipMessage] {
        let question = one.membership.comparison()
        var messages = [question]
        let first = other.membership.receiveStream(question, from: node(1), at: instant(2))
        guard let answer = first.answer else { return messages }
        messages.append(answer)
        let second = one.membership.receiveStream(answer, from: node(9), at: instant(2))
        for (message, _) in second.effects.streamed {
            messages.append(message)
            _ = other.membership.receiveStream(message, from: node(1), at: instant(2))
        }
        return messages
    }

    private static func other(knowing claims: [MemberUpdate]) -> Bench {
        var bench = Bench(peers: 0, number: 9)
        bench.hear(message(.gossip, from: 1, [claim(1, .alive)] + claims), at: 0)
        return bench
    }

    @Test("tell each other nothing when they know the same")
    func equal() {
        var one = Bench(peers: 5)
        one.hear(message(.gossip, from: 9, [claim(9, .alive)]), at: 0)
        var other = Self.other(knowing: (2...6).map { claim($0, .alive) })

        let messages = Self.compare(&one, &other)

        #expect(messages.map(\.kind).last == .comparison(differing: []))
        #expect(messages.last?.updates == [])
        #expect(messages.count == 2)
    }

    @Test("tell each other what one of them does not know, and little else")
    func different() {
        var one = Bench(peers: 40)
        one.hear(message(.gossip, from: 9, [claim(9, .alive), claim(100, .left)]), at: 0)
        var other = Self.other(
            knowing: (2...41).map { claim($0, .alive) } + [claim(200, .alive), claim(3, .alive, 7)]
        )

        let messages = Self.compare(&one, &other)

        #expect(one.state(of: 200) == .alive)
        #expect(one.membership.member(node(3))?.incarnation == 7)
        #expect(other.state(of: 100) == .left)
        #expect(messages.dropFirst().allSatisfy { $0.updates.count < 8 })
        let again = Self.compare(&one, &other)
        #expect(again.map(\.kind).last == .comparison(differing: []))
    }

    @Test("tell a newcomer everything")
    func newcomer() {
        var bench = Bench(peers: 3)
        let compare = MembershipMessage.Kind.compare(
            digests: [UInt32](repeating: 0, count: ViewDigest.bucketCount)
        )

        let reply = bench.membership.receiveStream(
            message(compare, from: 7, [claim(7, .alive)]),
            from: node(7),
            at: instant(1)
        )

        #expect(reply.answer?.kind == .syncAnswer)
        #expect(reply.answer?.updates.count == 5)
    }

    @Test("find a copy that runs at the same incarnation")
    func copies() {
        var one = Bench(peers: 2)
        one.hear(message(.gossip, from: 9, [claim(9, .alive)]), at: 0)
        let copied = record(1, start: MemberStart(boot: 0, token: 2))
        var other = Bench(peers: 0, number: 9)
        other.hear(message(.gossip, from: 2, [.record(copied), claim(2, .alive)]), at: 0)

        let question = one.membership.comparison()
        let reply = other.membership.receiveStream(question, from: node(1), at: instant(1))
        let heard = reply.answer.map {
            one.membership.receiveStream($0, from: node(9), at: instant(1)).effects
        }

        #expect(heard?.events == [.outlived(other: endpoint(1), boot: 0)])
        #expect((one.membership.member(node(1))?.incarnation ?? 0) > 1)
    }
}
