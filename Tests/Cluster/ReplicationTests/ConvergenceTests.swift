import MeshPrimitives
import Testing

@testable import MeshReplication

@Suite("Stores on a network")
struct ConvergenceTests {
    @Test("show an urgent write at all five within one network delay")
    func pushesAtOnce() throws {
        var network = TestNetwork(count: 5, seed: 1)
        network.run(for: .seconds(2))
        try network.write([Fixture.put("routes/a", "1")], at: 0)

        let time = network.time(limit: .seconds(1)) { $0.haveEqualRoots }

        #expect(try #require(time) <= .milliseconds(10))
    }

    @Test(
        "show a configuration write at all five within 1 s though datagrams are lost",
        arguments: UInt64(0)..<32
    )
    func convergesUnderLoss(seed: UInt64) throws {
        var network = TestNetwork(count: 5, seed: seed)
        network.run(for: .seconds(2))
        network.loss = 0.3
        try network.write([Fixture.put("routes/a", "1"), Fixture.put("routes/b", "2")], at: 2)

        let time = network.time(limit: .seconds(5)) { $0.haveEqualRoots }

        #expect(try #require(time, "seed \(seed)") <= .seconds(1), "seed \(seed)")
        #expect(Set(network.stores.map(\.configurationHash)).count == 1)
    }

    @Test("reach every node by probes alone when every push is lost")
    func pullsWithoutPush() throws {
        var network = TestNetwork(count: 5, seed: 3)
        network.run(for: .seconds(2))
        network.loss = 1
        try network.write([Fixture.put("routes/a", "1")], at: 0)

        let time = network.time(limit: .seconds(5), probing: .milliseconds(200)) {
            $0.haveEqualRoots
        }

        #expect(try #require(time) <= .seconds(2))
    }

    @Test("pull a large changeset in one piece within 100 ms")
    func pullsLargeChangeset() throws {
        var network = TestNetwork(count: 5, seed: 4)
        network.run(for: .seconds(2))
        let changes = (0..<500)
            .map { Fixture.put("services/\($0)", String(repeating: "x", count: 300)) }
        try network.write(changes, at: 1)

        let time = network.time(limit: .seconds(3)) { $0.haveEqualRoots }

        #expect(try #require(time) <= .milliseconds(100))
        #expect(network.largestDatagram <= 1_100)
        for index in [0, 2, 3, 4] {
            #expect(network.effects[index].applied.count == 500)
            let batches = network.effects[index].count { effect -> Bool in
                if case .applied = effect { return true }
                return false
            }
            #expect(batches == 1, "a changeset is seen in one piece")
        }
    }

    @Test("split what exceeds a stream message, and still agree")
    func splitsStreams() throws {
        var network = TestNetwork(count: 2, seed: 5)
        network.run(for: .seconds(1))
        for round in 0..<4 {
            let changes = (0..<5)
                .map { Fixture.put("c/\(round)/\($0)", String(repeating: "y", count: 180_000)) }
            try network.write(changes, at: 0)
        }

        let time = network.time(limit: .seconds(5)) { $0.haveEqualRoots }

        #expect(try #require(time) <= .seconds(1))
        #expect(network.largestStreamMessage <= 1_000_000)
    }

    @Test("agree after both sides of a cut were written to", arguments: UInt64(0)..<16)
    func healsCut(seed: UInt64) throws {
        var network = TestNetwork(count: 5, seed: seed)
        network.run(for: .seconds(1))
        try network.write([Fixture.put("routes/x", "old"), Fixture.put("routes/y", "old")], at: 0)
        network.run(for: .seconds(2))
        network.isolated = [4]
        network.connect()
        try network.write([Fixture.put("routes/x", "left")], at: 0)
        network.run(for: .seconds(1))
        try network.write([Fixture.put("routes/x", "right"), Fixture.delete("routes/y")], at: 4)
        network.run(for: .seconds(5))
        network.isolated = []
        network.connect()

        let time = network.time(limit: .seconds(5)) { $0.haveEqualRoots }

        #expect(try #require(time, "seed \(seed)") <= .seconds(1))
        let texts = network.stores.map {
            $0.record(Fixture.entity("routes/x")).map { String(decoding: $0.body, as: UTF8.self) }
        }
        #expect(texts == Array(repeating: "right", count: 5))
        #expect(network.stores.allSatisfy { $0.records(of: .entity).count == 1 })
        let conflicts = network.effects.flatMap { $0 }
            .compactMap { effect -> Record? in
                guard case .conflict(let winner, _) = effect else { return nil }
                return winner
            }
        #expect(!conflicts.isEmpty, "the lost edit is reported somewhere")
        #expect(conflicts.allSatisfy { $0.body == Array("right".utf8) })
    }

    @Test("do not bring back what was deleted while a node was away")
    func deletesStay() throws {
        var network = TestNetwork(count: 3, seed: 6)
        try network.write([Fixture.put("routes/x", "1")], at: 0)
        network.run(for: .seconds(2))
        network.isolated = [2]
        network.connect()
        try network.write([Fixture.delete("routes/x")], at: 1)
        network.run(for: .seconds(60))
        network.isolated = []
        network.connect()
        network.run(for: .seconds(5))

        #expect(network.haveEqualRoots)
        #expect(network.stores.allSatisfy { $0.records(of: .entity).isEmpty })
    }

    @Test("agree at 40 nodes, where urgent news is relayed", arguments: UInt64(0)..<4)
    func relaysUrgentNews(seed: UInt64) throws {
        var network = TestNetwork(count: 40, seed: seed)
        network.run(for: .seconds(1))
        network.loss = 0.1
        try network.write([Fixture.put("routes/a", "1")], at: 0)

        let time = network.time(limit: .seconds(5)) { $0.haveEqualRoots }

        #expect(try #require(time, "seed \(seed)") <= .seconds(2))
    }

    @Test("agree after any seeded history of writes, loss and cuts", arguments: UInt64(0)..<24)
    func convergesAfterAnything(seed: UInt64) throws {
        var network = TestNetwork(count: 5, seed: seed)
        var dice = SeededGenerator(seed: seed ^ 0xD1CE)
        network.loss = 0.2
        for step in 0..<40 {
            let index = dice.next(below: 5)
            let name = "k/\(dice.next(below: 8))"
            let isDelete = dice.next(below: 4) == 0
            try network.write(
                [isDelete ? Fixture.delete(name) : Fixture.put(name, "\(step)")],
                at: index
            )
            if dice.next(below: 8) == 0 {
                network.isolated = network.isolated.isEmpty ? [dice.next(below: 5)] : []
                network.connect()
            }
            network.run(for: .milliseconds(dice.next(below: 400)))
        }
        network.isolated = []
        network.connect()

        let time = network.time(limit: .seconds(10)) { $0.haveEqualRoots }

        #expect(time != nil, "seed \(seed)")
        let held = network.stores.map(\.durableRecords)
        #expect(held.allSatisfy { $0 == held[0] }, "seed \(seed)")
        #expect(Set(network.stores.map(\.configurationHash)).count == 1, "seed \(seed)")
    }

    @Test("fall silent when they agree and nobody writes")
    func fallsSilent() throws {
        var network = TestNetwork(count: 5, seed: 8)
        try network.write([Fixture.put("routes/a", "1")], at: 0)
        network.run(for: .seconds(10))
        let before = network.datagramCount
        let sessions = network.stores.map(\.counters.sessions)

        network.run(for: .seconds(30))

        #expect(network.datagramCount == before)
        #expect(network.stores.map(\.counters.sessions) == sessions)
    }
}
