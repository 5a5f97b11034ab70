import MeshPrimitives
import Testing

@testable import MeshObservations

@Suite("Observations of a fleet")
struct ObservationTableTests {
    private func state(_ generation: UInt64) -> NodeState {
        var state = NodeState()
        state.generation = generation
        state.adminAddress = "127.0.0.1:8001"
        return state
    }

    private func knows(_ fleet: TestFleet, _ owner: Int, _ generation: UInt64) -> Bool {
        fleet.tables.allSatisfy { $0.state(of: node(owner))?.generation == generation }
    }

    @Test("a node's state is everywhere in one flight time where nodes are few")
    func spreadsDirectly() {
        var fleet = TestFleet(5)
        fleet.meet()
        fleet.step(2) { $0.setState(self.state(7), at: $1) }

        #expect(fleet.run(for: .milliseconds(3)) { self.knows($0, 2, 7) })
        #expect(fleet.changes[0][node(2)] == .state)
    }

    @Test("it is everywhere in 3 s among 60 nodes that lose three datagrams of ten")
    func spreadsUnderLoss() {
        var fleet = TestFleet(60, regions: ["eu", "us"])
        fleet.network.loss = 0.3
        fleet.meet()
        fleet.run(for: .seconds(5))
        fleet.step(2) { $0.setState(self.state(7), at: $1) }

        #expect(fleet.run(for: .seconds(3)) { self.knows($0, 2, 7) })
        #expect(fleet.largestDatagram <= ObservationConfiguration().datagramByteCount)
    }

    @Test("a newcomer knows all in a second")
    func greetsNewcomers() {
        var fleet = TestFleet(21)
        fleet.meet(0..<20)
        for index in 0..<20 { fleet.step(index) { $0.setState(self.state(7), at: $1) } }
        fleet.run(for: .seconds(10))
        fleet.meet(0..<21)

        #expect(
            fleet.run(for: .seconds(1)) { fleet in
                (0..<20).allSatisfy { fleet.tables[20].state(of: node($0))?.generation == 7 }
            }
        )
    }

    @Test("votes on targets are deltas: one that changes costs a few bytes, not the whole again")
    func tellsDeltas() {
        var fleet = TestFleet(3)
        fleet.meet()
        fleet.step(0) { $0.setVotes(votes(0..<2_000), at: $1) }
        #expect(
            fleet.run(for: .seconds(3)) { fleet in
                (1..<3).allSatisfy { fleet.tables[$0].votes(of: node(0)) == votes(0..<2_000) }
            }
        )
        fleet.run(for: .seconds(10))
        let before = fleet.sentByteCount(of: 0)
        fleet.step(0) { $0.setVotes(votes(1..<2_001), at: $1) }

        #expect(
            fleet.run(for: .milliseconds(3)) { fleet in
                (1..<3).allSatisfy { fleet.tables[$0].votes(of: node(0)) == votes(1..<2_001) }
            }
        )
        #expect(fleet.sentByteCount(of: 0) - before < 300)
    }

    @Test("a vote that only counts on is told in its turn, to nobody at once")
    func tellsCountsInTurn() {
        var fleet = TestFleet(2)
        fleet.meet()
        fleet.step(0) { $0.setVotes(votes([1]), at: $1) }
        fleet.run(for: .seconds(1))
        var word = votes([1])
        word.votes[target(1)] = TargetVote(
            stance: .down,
            reason: 2,
            isChecker: false,
            failures: 900
        )
        var effects: [ObservationTable.Effect] = []
        fleet.step(0) { table, now in
            effects = table.setVotes(word, at: now)
            return effects
        }

        #expect(!effects.contains { if case .send = $0 { true } else { false } })
        #expect(
            fleet.run(for: .seconds(3)) { $0.tables[1].votes(of: node(0)) == word }
        )
    }

    @Test("of forty nodes that see a target down, a few say so, and all again when those stop")
    func keepsVotesToItself() {
        var fleet = TestFleet(40)
        fleet.meet()
        fleet.run(for: .seconds(3))
        for index in 0..<40 { fleet.step(index) { $0.setVotes(votes([1]), at: $1) } }
        fleet.run(for: .seconds(3))
        let speakers = fleet.tables.indices.filter { fleet.tables[$0].published(target(1)) != nil }
        #expect((4...16).contains(speakers.count))
        for index in fleet.tables.indices {
            #expect((fleet.tables[index].against[target(1)]?.count ?? 0) >= 3)
        }
        for index in speakers { fleet.step(index) { $0.setVotes(votes([]), at: $1) } }
        fleet.run(for: .seconds(3))

        let others = fleet.tables.indices.filter { fleet.tables[$0].published(target(1)) != nil }
        #expect((4...16).contains(others.count))
        #expect(Set(others).isDisjoint(with: speakers))
    }

    @Test("votes stay in their region; its relays tell the others how many speak against a target")
    func sumsUp() {
        var fleet = TestFleet(8, regions: ["eu", "us"])
        fleet.meet()
        for index in [0, 2] { fleet.step(index) { $0.setVotes(votes([1]), at: $1) } }
        fleet.step(4) { $0.setVotes(votes([2]), at: $1) }
        fleet.run(for: .seconds(6))

        let us = fleet.tables[1]
        let accusers = (0..<8).filter { us.votes(of: node($0)).votes[target(1)] != nil }
        #expect(accusers.count == Relays.count)
        #expect(us.rows[node(0)]?.log.values.keys.contains(.vote(target(1))) == false)
        // One voice is told by one relay only, so that it never looks like two.
        #expect((0..<8).count { us.votes(of: node($0)).votes[target(2)] != nil } == 1)
        for index in [0, 2] { fleet.step(index) { $0.setVotes(votes([]), at: $1) } }
        fleet.run(for: .seconds(6))
        #expect((0..<8).allSatisfy { fleet.tables[1].votes(of: node($0)).votes[target(1)] == nil })
    }

    @Test("what is not renewed for three report intervals is believed no more, and told")
    func growsOld() {
        var fleet = TestFleet(3)
        fleet.meet()
        fleet.step(0) { $0.setVotes(votes([1]), at: $1) }
        fleet.step(0) { $0.setState(self.state(7), at: $1) }
        fleet.run(for: .seconds(60))
        #expect(fleet.tables[1].votes(of: node(0)) == votes([1]))
        fleet.dead = [0]
        fleet.forgetChanges()
        fleet.run(for: .seconds(10))
        #expect(fleet.tables[1].votes(of: node(0)) == votes([1]))
        fleet.run(for: .seconds(10))

        #expect(fleet.tables[1].votes(of: node(0)) == ObserverVotes())
        #expect(fleet.changes[1][node(0)]?.contains(.votes) == true)
        #expect(fleet.tables[1].state(of: node(0))?.generation == 7)
    }

    @Test("what a node said that is gone counts no more, and again when it is back")
    func followsPeers() {
        var fleet = TestFleet(3)
        fleet.meet()
        fleet.step(0) { $0.setVotes(votes([1]), at: $1) }
        fleet.run(for: .seconds(1))
        fleet.meet(1..<3)
        #expect(fleet.tables[1].votes(of: node(0)) == ObserverVotes())
        #expect(fleet.tables[1].against.isEmpty)
        fleet.meet()

        #expect(fleet.tables[1].votes(of: node(0)) == votes([1]))
    }

    @Test("a long report arrives by datagrams where streams do not")
    func survivesWithoutStreams() {
        var fleet = TestFleet(3)
        fleet.network.carriesStreams = false
        fleet.meet()
        fleet.step(0) { $0.setVotes(votes(0..<600), at: $1) }

        #expect(
            fleet.run(for: .seconds(20)) { fleet in
                (1..<3).allSatisfy { fleet.tables[$0].votes(of: node(0)) == votes(0..<600) }
            }
        )
    }

    @Test("states and votes arrive by stream where datagrams do not")
    func survivesWithoutDatagrams() {
        var fleet = TestFleet(3)
        fleet.network.carriesDatagrams = false
        fleet.meet()
        for index in 0..<3 {
            for peer in 0..<3 {
                fleet.step(index) { table, _ in
                    table.datagramsLost(to: node(peer))
                    return []
                }
            }
        }
        fleet.step(0) { $0.setState(self.state(9), at: $1) }
        fleet.step(0) { $0.setVotes(votes(0..<600), at: $1) }

        #expect(
            fleet.run(for: .seconds(2)) { fleet in
                self.knows(fleet, 0, 9)
                    && fleet.tables[1].votes(of: node(0)) == votes(0..<600)
            }
        )
    }

    @Test("what one loses, the digest brings back")
    func repairs() {
        var fleet = TestFleet(12)
        fleet.meet()
        fleet.run(for: .seconds(3))
        fleet.dead = [5]
        fleet.step(0) { $0.setState(self.state(9), at: $1) }
        fleet.run(for: .seconds(8))
        fleet.dead = []
        fleet.step(5) { $0.wake(at: $1) }

        #expect(fleet.run(for: .seconds(8)) { self.knows($0, 0, 9) })
    }

    @Test("after a failure of everything the bytes of a second stay within the budget")
    func isBoundedInBytes() {
        var fleet = TestFleet(30)
        fleet.meet()
        fleet.run(for: .seconds(5))
        let before = fleet.tables.map(\.counters.datagramBytes)
        for index in 0..<30 {
            fleet.step(index) { $0.setVotes(votes((index * 40)..<(index * 40 + 400)), at: $1) }
        }
        fleet.run(for: .seconds(5))

        for index in 0..<30 {
            let sent = fleet.tables[index].counters.datagramBytes - before[index]
            #expect(sent <= 5 * 16_384 + 65_536 + 1_100)
        }
    }
}

@Suite("Observations that are told lies")
struct ObservationLieTests {
    private func message(_ delta: ObservationDelta) -> ObservationMessage {
        var message = ObservationMessage()
        message.deltas = [delta]
        return message
    }

    @Test("a load is clamped where it is made, so that sums over a fleet cannot overflow")
    func clampsLoads() {
        #expect(NodeLoad(permille: 9_999, inFlight: .max).inFlight == NodeLoad.inFlightLimit)
        #expect(NodeLoad(permille: 9_999, inFlight: .min) == NodeLoad(permille: 1_000, inFlight: 0))
        #expect(NodeLoad(share: .nan, inFlight: 1).permille == 0)
        #expect(NodeLoad(share: 1e300, inFlight: 1).permille == 1_000)
        let summary = RegionSummary(observer: "eu", region: "us", members: .max, alive: .max)
        #expect(summary.members == 65_535 && summary.alive == 65_535)
        var state = NodeState()
        state.rejection = String(repeating: "\u{1F600}", count: 9_999)
        #expect(state.rejection.utf8.count == 256)
    }

    @Test("nobody speaks for a node that is no member, nor from afar for one of this region")
    func refusesStrangers() {
        var fleet = TestFleet(4, regions: ["eu", "us"])
        fleet.meet()
        fleet.run(for: .seconds(2))
        func claim(_ owner: Int) -> ObservationMessage {
            self.message(
                ObservationDelta(
                    owner: node(owner),
                    boot: 99,
                    base: 0,
                    head: 1,
                    newest: 1,
                    entries: [.init(sequence: 1, observation: .vote(target(1), down()))]
                )
            )
        }
        fleet.step(0) { $0.receive(claim(77), from: node(2), at: $1) }
        fleet.step(0) { $0.receive(claim(2), from: node(1), at: $1) }
        fleet.step(0) { $0.receive(claim(2), from: node(77), at: $1) }

        #expect(fleet.tables[0].counters.foreign == 3)
        #expect(fleet.tables[0].against.isEmpty)
        #expect(fleet.tables[0].rows[node(77)] == nil)
    }

    @Test("a word of this node that it did not say is outranked, but not one that would silence it")
    func outranksOwnPast() {
        var fleet = TestFleet(3)
        fleet.meet()
        fleet.step(0) { $0.setVotes(votes([1]), at: $1) }
        fleet.run(for: .seconds(2))
        func claim(boot: UInt64, _ sequence: UInt64) -> ObservationMessage {
            self.message(
                ObservationDelta(
                    owner: node(0),
                    boot: boot,
                    base: 0,
                    head: sequence,
                    newest: sequence,
                    entries: []
                )
            )
        }
        fleet.step(1) { $0.receive(claim(boot: 9, 500), from: node(2), at: $1) }
        fleet.run(for: .seconds(10))
        #expect(fleet.tables[0].own.boot == 9)
        #expect(fleet.tables[1].votes(of: node(0)) == votes([1]))
        #expect(fleet.tables[2].votes(of: node(0)) == votes([1]))

        fleet.step(0) { $0.receive(claim(boot: .max, .max), from: node(2), at: $1) }
        #expect(fleet.tables[0].own.boot == 9)
    }

    @Test("votes made up in the name of two are taken back by both within seconds, who count it")
    func outranksForgedVotes() {
        var fleet = TestFleet(6)
        fleet.meet()
        fleet.step(0) { $0.setVotes(votes([1]), at: $1) }
        fleet.run(for: .seconds(2))
        for owner in [0, 1] {
            let lie = self.message(
                ObservationDelta(
                    owner: node(owner),
                    boot: 3,
                    base: 400,
                    head: 500,
                    newest: 500,
                    entries: [.init(sequence: 500, observation: .vote(target(7), down()))]
                )
            )
            for index in 2..<6 { fleet.step(index) { $0.receive(lie, from: node(owner), at: $1) } }
        }
        #expect(fleet.tables[5].votes(of: node(1)).votes[target(7)] != nil)

        let isOver = fleet.run(for: .seconds(10)) { fleet in
            (2..<6).allSatisfy { index in
                fleet.tables[index].votes(of: node(0)) == votes([1])
                    && fleet.tables[index].votes(of: node(1)).votes.isEmpty
            }
        }

        #expect(isOver)
        for owner in [0, 1] { #expect(fleet.tables[owner].counters.outranked > 0) }
    }

    @Test("a node hears from a far peer, too, that others know more of it than it has said")
    func hearsFromAfar() {
        var fleet = TestFleet(2, regions: ["eu", "us"])
        fleet.meet()
        fleet.step(0) { $0.setState(NodeState(), at: $1) }
        fleet.run(for: .seconds(2))
        var state = NodeState()
        state.generation = 7
        let lie = self.message(
            ObservationDelta(
                owner: node(0),
                boot: 3,
                base: 0,
                head: 5_000,
                newest: 5_000,
                entries: [.init(sequence: 5_000, observation: .state(state))]
            )
        )
        // Its disk was rolled back, or somebody lies.
        fleet.step(1) { $0.receive(lie, from: node(0), at: $1) }
        #expect(fleet.tables[1].state(of: node(0))?.generation == 7)

        fleet.run(for: .seconds(60))

        #expect(fleet.tables[0].own.head > 5_000)
        #expect(fleet.tables[1].state(of: node(0))?.generation == 0)
    }

    @Test("no message traps, and no owner or fleet grows beyond its bound")
    func survivesNoise() {
        var configuration = ObservationConfiguration()
        configuration.ownerLimit = 50
        configuration.totalLimit = 120
        var fleet = TestFleet(5, configuration)
        fleet.meet()
        var generator = SeededGenerator(seed: 3)
        let numbers: [UInt64] = [0, 1, 2, 3, 40, 1 << 60, .max]
        func number() -> UInt64 { numbers[generator.next(below: numbers.count)] }
        for _ in 0..<3_000 {
            var message = ObservationMessage()
            message.flags = .init(rawValue: UInt8(truncatingIfNeeded: generator.next()))
            let entries = (0..<generator.next(below: 30)).map { _ in
                ObservationDelta.Entry(
                    sequence: number(),
                    observation: .vote(
                        target(generator.next(below: 500)),
                        generator.next(below: 3) == 0 ? nil : down()
                    )
                )
            }
            message.deltas = [
                ObservationDelta(
                    owner: node(generator.next(below: 6)),
                    boot: number(),
                    base: number(),
                    head: number(),
                    newest: number(),
                    entries: entries
                )
            ]
            let version = ObservationVersion(boot: number(), sequence: number())
            let owner = node(generator.next(below: 6))
            message.digest = [ObservationDigest(owner: owner, version: version)]
            message.wants = [ObservationDigest(owner: owner, version: version)]
            fleet.step(0) { $0.receive(message, from: node(1 + generator.next(below: 4)), at: $1) }
            if generator.next(below: 10) == 0 { fleet.run(for: .milliseconds(50)) }
        }

        #expect(fleet.tables[0].rows.values.allSatisfy { $0.log.values.count <= 50 })
        let total = fleet.tables[0].rows.values.reduce(0) { $0 + $1.log.values.count }
        #expect(total <= 120)
        #expect(fleet.tables[0].total == total)
    }
}
