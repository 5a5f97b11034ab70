import MeshMembership
import MeshPrimitives
import Testing

/// What somebody can do who has the key ring and no member's own key: he hears everything, and says to
/// everybody, in every member's name, what members do not sign.
@Suite("A holder of the ring alone")
struct RingHolderTests {
    private static let victim = 1
    private static let others = Array(2...12)

    /// Tells all but the victim, for 20 s, what `claims` makes of the victim's incarnation as each
    /// of them knows it; in the name of a newcomer, or in that of each member in turn.
    private static func attack(
        seed: UInt64,
        as newcomer: UInt64? = nil,
        _ claims: (_ incarnation: UInt64, _ accuser: UInt64) -> [MemberUpdate]
    ) -> Fleet {
        var fleet = Fleet(12, seed: seed)
        fleet.run(until: 5)
        for turn in 1...200 {
            let now = fleet.now
            for receiver in Self.others {
                let known = fleet.nodes[receiver - 1]?.member(node(UInt64(Self.victim)))
                let accuser = UInt64(2 + (turn + receiver) % 11)
                guard let known, accuser != receiver else { continue }
                let said = message(
                    .gossip,
                    from: newcomer ?? accuser,
                    claims(known.incarnation, accuser)
                )
                fleet.step(receiver - 1) { $0.receive(said, from: endpoint(99), at: now) }
            }
            fleet.run(until: 5 + Double(turn) / 10)
        }
        fleet.run(until: 30)
        return fleet
    }

    @Test(
        "cannot evict a member that can refute, whatever he says in everybody's name",
        arguments: [Accusation.Verdict.suspect, .failed, .expelled, .forgotten]
    )
    func cannotEvict(verdict: Accusation.Verdict) {
        let fleet = Self.attack(seed: 3) { incarnation, accuser in
            [.accusation(accusation(1, verdict, incarnation, by: accuser))]
        }

        #expect(Self.losses(fleet) == 0)
        #expect(fleet.nodes.compactMap(\.self).allSatisfy { $0.member(node(1)) != nil })
    }

    @Test("cannot take a member's place by a newcomer of its name at its address")
    func cannotReplace() {
        let fleet = Self.attack(seed: 5, as: 50) { incarnation, _ in
            [.record(record(50, incarnation, name: "node-1", address: 1))]
        }

        #expect(Self.losses(fleet) == 0)
        let claimants = fleet.nodes.compactMap { $0?.member(node(50)) }
        #expect(claimants.allSatisfy { !$0.state.isPresent })
    }

    /// How often the victim was lost to somebody.
    private static func losses(_ fleet: Fleet) -> Int {
        fleet.events.count { told in
            switch told.event {
            case .changed(let member, _): member.id == node(1) && !member.state.isPresent
            case .removed(let id, _): id == node(1)
            default: false
            }
        }
    }

    @Test("cannot rename, move or retire a member, nor start it anew")
    func cannotSpeakForIt() {
        let fleet = Self.attack(seed: 4) { incarnation, accuser in
            [
                .record(record(1, incarnation + 1, name: "mine", signedBy: accuser)),
                .record(record(1, incarnation + 2, address: 99, signedBy: accuser)),
                .record(record(1, incarnation + 3, hasLeft: true, signedBy: accuser)),
                .record(
                    record(
                        1,
                        incarnation + 4,
                        start: MemberStart(boot: 9, token: 9),
                        signedBy: accuser
                    )
                ),
            ]
        }

        for running in fleet.nodes.compactMap(\.self) {
            #expect(running.member(node(1))?.signed == claimed(1))
            #expect(running.member(node(1))?.state == .alive)
        }
    }

    @Test("cannot drain a member: only its own record says so, and what others signed is counted")
    func cannotDrain() throws {
        var fleet = Self.attack(seed: 6) { incarnation, accuser in
            [.record(record(1, incarnation + 1, mode: .draining, signedBy: accuser))]
        }
        let modes = { (fleet: Fleet) in
            Set(fleet.nodes.compactMap { $0?.member(node(1))?.signed.record.mode })
        }

        #expect(modes(fleet) == [.normal])
        for other in Self.others {
            let counters = try #require(fleet.nodes[other - 1]?.statistics)
            #expect(counters.recordsForged > 100)
        }

        let now = fleet.now
        fleet.step(0) { $0.setMode(.draining, at: now) }
        fleet.run(until: 33)
        #expect(modes(fleet) == [.draining])
        let later = fleet.now
        fleet.step(0) { $0.setMode(.normal, at: later) }
        fleet.run(until: 36)
        #expect(modes(fleet) == [.normal])
    }

    @Test("cannot read a mode into a record that does not say it", arguments: NodeMode.allCases)
    func modeIsSigned(mode: NodeMode) throws {
        let signed = record(1, 5, mode: mode)
        let read = try SignedRecord(decoding: signed.bytes, signature: signed.signature) { _ in
            node(1)
        }

        #expect(read.record.mode == mode)
        #expect(read == signed)
    }

    /// What a member has signed of itself since the start.
    private func claimed(_ number: UInt64) -> SignedRecord { record(number) }
}
