import MeshPrimitives
import Testing

@testable import MeshChangelog

@Suite("A fleet of changelogs")
struct SimulationTests {
    private static let quick = {
        var configuration = ChangelogConfiguration()
        configuration.historyCount = 5
        configuration.foldCount = 3
        configuration.displacedGrace = .seconds(2)
        configuration.chunkByteCount = 2_000
        return configuration
    }()

    /// Every node replays the same set to the same state, and that is what a new replay gives.
    private func expectEqual(_ fleet: SimulatedFleet, _ seed: UInt64) {
        let logs = fleet.nodes.compactMap(\.log)
        let hashes = Set(logs.map(\.head.hash))
        #expect(hashes.count == 1, "seed \(seed): \(logs.map(\.head.description))")
        for log in logs {
            var again = ReplayLog(checkpoint: log.log.checkpoint, rules: .test)
            again.replace([], with: log.entries.shuffledForTest(seed))
            #expect(again.state.hash == log.head.hash, "seed \(seed)")
        }
    }

    @Test("brings everything to a node that streams do not reach, by datagrams that may be lost")
    func withoutStreams() throws {
        for seed in UInt64(1)...5 {
            var configuration = ChangelogConfiguration()
            configuration.historyCount = 2
            configuration.foldCount = 3
            var fleet = try SimulatedFleet(count: 2, seed: seed, configuration: configuration)
            fleet.withoutStreams = [[0, 1]]
            fleet.loss = 0.1
            fleet.crash(1)
            let long = String(repeating: "x", count: 9_000)
            for round in 0..<6 {
                try fleet.write(["k/\(round)": "\(round) \(long)"], at: 0)
                fleet.run(.seconds(1))
            }
            try fleet.start(1)

            let isSettled = fleet.settle()
            #expect(isSettled, "seed \(seed)\n\(fleet.description)")
            #expect(fleet.nodes[1].log?.texts.count == 6)
        }
    }

    @Test("agrees after loss, crashes, partitions and full disks, and loses no acknowledged write")
    func survivesFaults() throws {
        for seed in UInt64(1)...30 {
            var fleet = try SimulatedFleet(count: 5, seed: seed, configuration: Self.quick)
            fleet.loss = seed % 3 == 0 ? 0.3 : 0.05
            for round in 0..<40 {
                let index = fleet.generator.next(below: 5)
                switch fleet.generator.next(below: 12) {
                case 0:
                    fleet.crash(index)
                    fleet.run(.milliseconds(Int64(fleet.generator.next(below: 3_000))))
                    try fleet.start(index)
                case 1: fleet.sides = fleet.sides.map { _ in fleet.generator.next(below: 2) }
                case 2: fleet.sides = fleet.sides.map { _ in 0 }
                case 3: fleet.nodes[index].isDiskFull.toggle()
                default:
                    // Each key is written once, so that what was acknowledged can be looked for.
                    try fleet.write(
                        ["k/\(round)": "v\(round)", "k/\(round)b": "v\(round)"],
                        at: index
                    )
                }
                fleet.run(.milliseconds(Int64(fleet.generator.next(below: 400))))
            }
            fleet.loss = 0
            fleet.sides = fleet.sides.map { _ in 0 }
            for index in 0..<5 { fleet.nodes[index].isDiskFull = false }
            try self.expectSettled(&fleet)
            self.expectEqual(fleet, seed)
            let texts = fleet.nodes[0].log?.texts ?? [:]
            for ticket in fleet.acknowledged.keys {
                for written in fleet.tickets[ticket] ?? [] {
                    #expect(texts[written.key] == written.value, "seed \(seed) \(written)")
                }
            }
            self.expectWhole(texts, seed)
        }
    }

    private func expectSettled(_ fleet: inout SimulatedFleet) throws {
        let isSettled = fleet.settle()
        try #require(isSettled, "\(fleet.description)")
    }

    /// A changeset's two entities are there together or not at all.
    private func expectWhole(_ texts: [String: String], _ seed: UInt64) {
        for (key, value) in texts where !key.hasSuffix("b") {
            #expect(texts[key + "b"] == value, "seed \(seed): \(key) is torn")
        }
    }

    @Test("keeps what was acknowledged when a disk is lost, restored or copied")
    func survivesDisks() throws {
        for seed in UInt64(1)...30 {
            var fleet = try SimulatedFleet(count: 5, seed: seed, configuration: Self.quick)
            fleet.loss = 0.05
            var copies: [SimulatedFleet.Disk] = [SimulatedFleet.Disk()]
            for round in 0..<40 {
                let index = fleet.generator.next(below: 5)
                switch fleet.generator.next(below: 12) {
                case 0: copies.append(fleet.nodes[index].disk)
                case 1:
                    fleet.crash(index)
                    let copy = copies[fleet.generator.next(below: copies.count)]
                    fleet.run(.milliseconds(100))
                    fleet.nodes[index].disk = copy
                    try fleet.start(index)
                    // One disaster at a time: a write is on three disks.
                    _ = fleet.settle()
                default:
                    try fleet.write(
                        ["k/\(round)": "v\(round)", "k/\(round)b": "v\(round)"],
                        at: index
                    )
                }
                fleet.run(.milliseconds(Int64(fleet.generator.next(below: 400))))
            }
            fleet.loss = 0
            try self.expectSettled(&fleet)
            self.expectEqual(fleet, seed)
            let texts = fleet.nodes[0].log?.texts ?? [:]
            for ticket in fleet.acknowledged.keys {
                for written in fleet.tickets[ticket] ?? [] {
                    #expect(texts[written.key] == written.value, "seed \(seed) \(written)")
                }
            }
            self.expectWhole(texts, seed)
        }
    }

    @Test("shows every change that met another, and lets the later in the order stand")
    func showsConflicts() throws {
        for seed in UInt64(1)...30 {
            var fleet = try SimulatedFleet(count: 4, seed: seed)
            try fleet.write(["k/shared": "start"], at: 0)
            try self.expectSettled(&fleet)
            fleet.sides = [0, 1, 2, 3]
            for index in 0..<4 { try fleet.write(["k/shared": "by \(index)"], at: index) }
            fleet.run(.seconds(3))
            fleet.sides = [0, 0, 0, 0]
            try self.expectSettled(&fleet)
            self.expectEqual(fleet, seed)
            for log in fleet.nodes.compactMap(\.log) {
                let values = Set<[UInt8]?>((0..<4).map { Array("by \($0)".utf8) })
                let shown = Set(log.conflicts.flatMap { [$0.winner.body, $0.loser.body] })
                #expect(values.isSubset(of: shown), "seed \(seed)")
                #expect(log.conflicts.count == 3)
                #expect(log.conflicts.last.map(log.isOpen) == true)
            }
        }
    }

    @Test("brings nothing back that was deleted while a node was away")
    func deletedStaysDeleted() throws {
        var configuration = Self.quick
        configuration.chunkByteCount = 64_000
        var fleet = try SimulatedFleet(count: 3, seed: 7, configuration: configuration)
        fleet.loss = 0.02
        let keys = (0..<13_000).map { "k/\($0)" }
        try fleet.write(Dictionary(uniqueKeysWithValues: keys.map { ($0, "x") }), at: 0)
        try self.expectSettled(&fleet)
        fleet.sides = [0, 0, 1]
        // The node that is away changes one of them and makes another.
        try fleet.write(["k/5": "changed", "k/new": "new"], at: 2)
        try fleet.write(Dictionary(uniqueKeysWithValues: keys.map { ($0, nil as String?) }), at: 0)
        fleet.run(.seconds(2))
        // It is given up, so that what it never saw is folded.
        for index in 0..<2 {
            fleet.nodes[index].log?.setPeers([
                ChangelogPeer(node: NodeID(1 - index), region: "r0")
            ])
        }
        for round in 0..<30 {
            try fleet.write(["k/other": "\(round)"], at: round % 2)
            fleet.run(.milliseconds(700))
        }
        #expect(fleet.nodes[0].log?.log.checkpoint.horizon.generation ?? 0 > 2)
        for index in 0..<2 {
            fleet.nodes[index].log?.setPeers(
                (0..<3).filter { $0 != index }.map {
                    ChangelogPeer(node: NodeID($0), region: "r\($0 % 2)")
                }
            )
        }
        fleet.sides = [0, 0, 0]
        try self.expectSettled(&fleet)
        self.expectEqual(fleet, 7)
        let log = try #require(fleet.nodes[2].log)
        #expect(log.log.checkpoint.horizon.generation > 2)
        #expect(log.texts == ["k/other": "29", "k/new": "new"])
        #expect(
            log.conflicts.contains { $0.key == "k/5" && $0.loser.body == Array("changed".utf8) }
        )
    }

    @Test("keeps both contents when two stores write under one name")
    func survivesCopies() throws {
        for seed in UInt64(1)...30 {
            var fleet = try SimulatedFleet(count: 5, seed: seed, configuration: Self.quick)
            try fleet.write(["k/start": "x"], at: 2)
            try self.expectSettled(&fleet)
            fleet.crash(3)
            fleet.nodes[3].disk = fleet.nodes[2].disk
            fleet.sides = [0, 0, 0, 1, 1]
            try fleet.start(3)
            for round in 0..<4 {
                for index in [2, 3] { try fleet.write(["k/\(index)-\(round)": "x"], at: index) }
                try fleet.write(["k/3-0": "changed"], at: 3)
                fleet.run(.milliseconds(500))
            }
            fleet.sides = [0, 0, 0, 0, 0]
            if seed % 2 == 0 {
                // The copy dies; what it told its neighbour must live on.
                fleet.run(.milliseconds(20))
                fleet.crash(3)
            }
            try self.expectSettled(&fleet)
            self.expectEqual(fleet, seed)
            let texts = fleet.nodes[0].log?.texts ?? [:]
            #expect(texts.count == 9 && texts["k/3-0"] == "changed", "seed \(seed) \(texts)")
            let isShown = fleet.notices.contains {
                if case .twoContents = $0 { true } else { false }
            }
            #expect(isShown)
        }
    }

    @Test("tells a write that is on one node only who has it")
    func tellsWhoHasIt() throws {
        var fleet = try SimulatedFleet(count: 3, seed: 3)
        fleet.sides = [0, 1, 1]
        let alone = try fleet.write(["k/a": "1"], at: 0)
        let pair = try fleet.write(["k/b": "1"], at: 1)
        fleet.run(.seconds(3))
        #expect(fleet.unconfirmed[alone]?.holders == [NodeID(0)])
        #expect(fleet.unconfirmed[pair]?.holders == [NodeID(1), NodeID(2)])
        fleet.sides = [0, 0, 0]
        try self.expectSettled(&fleet)
        let together = try fleet.write(["k/c": "1"], at: 0)
        fleet.run(.seconds(1))
        #expect(fleet.acknowledged[together]?.holders.count == 3)
    }

    @Test("answers in the second region before a write counts as safe")
    func needsTwoRegions() throws {
        var fleet = try SimulatedFleet(count: 6, seed: 9, regions: 2)
        // Nodes 0, 2 and 4 are one region.
        fleet.sides = [0, 1, 0, 1, 0, 1]
        let ticket = try fleet.write(["k/a": "1"], at: 0)
        fleet.run(.seconds(3))
        #expect(fleet.acknowledged[ticket] == nil)
        #expect(fleet.unconfirmed[ticket]?.holders == [NodeID(0), NodeID(2), NodeID(4)])
    }
}

extension [EncodedChangeset] {
    /// Another order, by a seed.
    fileprivate func shuffledForTest(_ seed: UInt64) -> [EncodedChangeset] {
        var generator = SeededGenerator(seed: seed)
        return generator.shuffle(self)
    }
}
