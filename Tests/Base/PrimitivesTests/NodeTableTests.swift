import MeshPrimitives
import Testing

@Suite("Nodes kept by identity")
struct NodeTableTests {
    private static func ids(_ count: Int) -> [NodeID] {
        (0..<UInt64(count)).map { NodeID(high: SeededGenerator.mix($0), low: $0) }
    }

    @Test("agree with a set and a dictionary whatever is put in and taken out, in order")
    func agrees() {
        var dice = SeededGenerator(seed: 7)
        let ids = Self.ids(700)
        var (sorted, table) = (SortedIDs(), NodeTable<Int>())
        var model: [NodeID: Int] = [:]
        for step in 0..<6_000 {
            // Many more in than out at first, then the other way round.
            let isIn = dice.next(below: 10) < (step < 3_000 ? 8 : 2)
            let id = ids[dice.next(below: ids.count)]
            #expect(sorted.set(id, isListed: isIn) == ((model[id] != nil) != isIn))
            table[id] = isIn ? step : nil
            model[id] = isIn ? step : nil
        }
        let expected = model.keys.sorted()

        #expect(sorted.all == expected)
        #expect(sorted.count == expected.count)
        #expect((0..<sorted.count).map { sorted[$0] } == expected)
        #expect(table.count == expected.count)
        #expect(table.values == expected.map { model[$0] })
        #expect(ids.allSatisfy { table[$0] == model[$0] })
        #expect((0..<NodeBucket.count).flatMap { table.values(in: $0) }.count == expected.count)
    }

    @Test("are a ring: after the last comes the first, and nobody comes after oneself")
    func ring() {
        let ids = Self.ids(600).sorted()
        var sorted = SortedIDs()
        for id in ids where id != ids[300] { sorted.set(id, isListed: true) }

        #expect(sorted.successor(of: ids[0]) == ids[1])
        #expect(sorted.successor(of: ids[299]) == ids[301], "one is missing")
        #expect(sorted.successor(of: ids[300]) == ids[301], "of one that is not there")
        #expect(sorted.successor(of: ids[599]) == ids[0])
        #expect(SortedIDs().successor(of: ids[0]) == nil)
        var alone = SortedIDs()
        alone.set(ids[0], isListed: true)
        #expect(alone.successor(of: ids[0]) == nil)
    }

    @Test("are copied as they were, and change apart")
    func copies() {
        let ids = Self.ids(300)
        var (sorted, table) = (SortedIDs(), NodeTable<Int>())
        for id in ids {
            sorted.set(id, isListed: true)
            table[id] = 1
        }
        let before = (sorted, table)
        sorted.set(ids[5], isListed: false)
        table[ids[5]] = 2

        #expect(before.0.contains(ids[5]) && before.1[ids[5]] == 1)
        #expect(!sorted.contains(ids[5]) && table[ids[5]] == 2)
    }
}
