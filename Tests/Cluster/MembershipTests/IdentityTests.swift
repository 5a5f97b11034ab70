import MeshPrimitives
import Testing

@testable import MeshMembership

@Suite("A membership that meets its own identity elsewhere")
struct IdentityTests {
    private static func start(_ boot: UInt64, _ token: UInt64) -> MemberStart {
        MemberStart(boot: boot, token: token)
    }

    private static func member(boot: UInt64, token: UInt64, address: UInt64) -> Membership {
        var membership = Membership(
            configuration: .lan,
            profile: profile(1, address: address),
            identity: FakeKeys.identity(1),
            start: Self.start(boot, token),
            mesh: testMesh,
            generator: SeededGenerator(seed: token)
        )
        _ = membership.start(seeds: [], at: instant(0))
        return membership
    }

    private static func tell(
        _ membership: inout Membership,
        _ signed: SignedRecord
    ) -> [Membership.Effect] {
        membership.receive(
            message(.gossip, from: 9, [.record(signed)]),
            from: endpoint(9),
            at: instant(1)
        )
    }

    private static func word(of membership: Membership) -> SignedRecord {
        membership.member(node(1))?.signed ?? record(1)
    }

    @Test("with an older disk counts on past what peers remember, on disk too, and says so")
    func restoredDisk() {
        var membership = Self.member(boot: 3, token: 1, address: 1)
        let last = record(1, Self.start(7, 5).firstIncarnation + 2, start: Self.start(7, 5))

        let effects = Self.tell(&membership, last)
        let again = Self.tell(&membership, last)

        #expect(effects.events == [.outlived(other: endpoint(1), boot: 7)])
        #expect(effects.contains(.persistBoot(8)))
        #expect(Self.word(of: membership).record.incarnation == Self.start(8, 0).firstIncarnation)
        #expect(again.events.isEmpty)
    }

    @Test("of the same number, which peers tell late, counts on past it once")
    func sameNumber() {
        var membership = Self.member(boot: 5, token: 9, address: 1)
        let accused = Self.word(of: membership).record.incarnation
        _ = membership.receive(
            message(.gossip, from: 9, [claim(1, .suspect, accused)]),
            from: endpoint(9),
            at: instant(1)
        )
        #expect(Self.word(of: membership).record.incarnation == accused + 1)
        let other = record(1, Self.start(5, 4).firstIncarnation, start: Self.start(5, 4))

        let effects = Self.tell(&membership, other)
        let again = Self.tell(&membership, other)

        #expect(effects.contains(.persistBoot(6)))
        #expect(again.events.isEmpty && !again.contains(.persistBoot(6)))
    }

    @Test("in two living processes finds the copy, which falls silent, and both say so")
    func twins() {
        var original = Self.member(boot: 7, token: 1, address: 7)
        var copy = Self.member(boot: 8, token: 2, address: 3)
        var events: (original: [MembershipEvent], copy: [MembershipEvent]) = ([], [])

        for _ in 0..<6 {
            events.original += Self.tell(&original, Self.word(of: copy)).events
            events.copy += Self.tell(&copy, Self.word(of: original)).events
        }

        #expect(events.original.contains(.twin(other: endpoint(3), hasYielded: false)))
        #expect(events.copy.last == .twin(other: endpoint(7), hasYielded: true))
        #expect(events.original.count + events.copy.count <= 5, "they do not fight for ever")
        let ping = message(.ping(sequence: 1, target: node(1)), from: 9)
        let answer = original.receive(ping, from: endpoint(9), at: instant(2))
        #expect(answer.sent.first?.message.kind == .ack(sequence: 1))
        #expect(copy.receive(ping, from: endpoint(9), at: instant(2)).sent.isEmpty)
    }

    @Test("hears at its first ping, by either way, what its identity has said elsewhere since")
    func toldAtOnce() {
        var bench = Bench(peers: 2)
        let later = record(2, Self.start(4, 4).firstIncarnation, start: Self.start(4, 4))
        bench.hear(message(.gossip, from: 3, [.record(later)]), at: 1)
        bench.run(from: 1, to: 20, living: [2, 3])
        let ping = message(.ping(sequence: 7, target: node(1)), from: 2, incarnation: 1)

        let answered = bench.hear(ping, at: 20).sent.first?.message.updates ?? []
        let streamed = bench.membership.receiveStream(ping, from: node(2), at: instant(20))
        let sameStart = message(
            .ping(sequence: 8, target: node(1)),
            from: 2,
            incarnation: later.record.incarnation
        )
        let upToDate = bench.membership.receiveStream(sameStart, from: node(2), at: instant(20))

        #expect(answered.first == .record(later))
        #expect(streamed.answer?.updates.contains(.record(later)) == true)
        #expect(upToDate.answer?.updates.count == 1)
    }

    @Test("is not moved by a record that its key has not signed")
    func refusesForgedTwin() {
        var membership = Self.member(boot: 3, token: 1, address: 1)
        let forged = record(1, 1 << 61, start: Self.start(1 << 40, 5), signedBy: 9)

        let effects = Self.tell(&membership, forged)

        #expect(effects.events.isEmpty)
        #expect(Self.word(of: membership).record.incarnation == Self.start(3, 0).firstIncarnation)
    }

    @Test("is told of another start of the same number, whose word it would be taken for")
    func sameBoot() {
        var bench = Bench(peers: 1)
        let first = record(2, Self.start(4, 4).firstIncarnation, start: Self.start(4, 4))
        let second = record(2, Self.start(4, 9).firstIncarnation, start: Self.start(4, 9))
        let third = record(2, Self.start(5, 1).firstIncarnation, start: Self.start(5, 1))
        _ = bench.hear(message(.gossip, from: 3, [.record(first)]), at: 1)

        let same = bench.hear(message(.gossip, from: 3, [.record(second)]), at: 1)
        let later = bench.hear(message(.gossip, from: 3, [.record(third)]), at: 1)

        let told = same.sent.filter { $0.message.updates.contains(.record(first)) }
        #expect(told.map(\.to) == [second.record.profile.address])
        #expect(!later.sent.contains { $0.message.updates.contains(.record(second)) })
    }

    @Test("tells the shell which start of a member speaks, once for each")
    func provesStarts() {
        var bench = Bench(peers: 1)
        let second = record(2, 5, start: Self.start(4, 4))

        let first = bench.hear(message(.gossip, from: 3, [.record(second)]), at: 1)
        let again = bench.hear(message(.gossip, from: 3, [.record(second)]), at: 1)

        #expect(first.contains(.proved(node(2), Self.start(4, 4))))
        #expect(!again.contains(.proved(node(2), Self.start(4, 4))))
    }
}
