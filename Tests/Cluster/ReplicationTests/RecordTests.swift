import MeshPrimitives
import Testing

@testable import MeshReplication

@Suite("A record key")
struct RecordKeyTests {
    @Test("names its owner, with or without a suffix")
    func owner() {
        let node = NodeID(high: 0xABCD, low: 7)

        #expect(RecordKey(kind: .health, owner: node).owner == node)
        #expect(RecordKey(kind: .health, owner: node, suffix: "a/b").owner == node)
        #expect(RecordKey(kind: .health, name: "\(node)x").owner == nil)
        #expect(RecordKey(kind: .health, name: "\(node)".uppercased()).owner == nil)
        #expect(RecordKey(kind: .entity, name: "routes/a").owner == nil)
    }

    @Test("takes 1 to 255 printable ASCII characters")
    func validity() {
        #expect(RecordKey(kind: .entity, name: "a").isValid)
        #expect(RecordKey(kind: .entity, name: String(repeating: "~", count: 255)).isValid)
        for name in ["", " ", "a\n", "\u{7F}", "\u{E9}", String(repeating: "a", count: 256)] {
            #expect(!RecordKey(kind: .entity, name: name).isValid)
        }
    }

    @Test("spreads names over all buckets, the same at every node")
    func buckets() {
        let buckets = (0..<4_096).map { Fixture.entity("routes/\($0)").bucket }

        #expect(Set(buckets).count == 256)
        #expect(buckets == (0..<4_096).map { Fixture.entity("routes/\($0)").bucket })
    }

    @Test("sorts by kind, then by name")
    func order() {
        let keys = [
            RecordKey(kind: .entity, name: "Z"), RecordKey(kind: .entity, name: "a"),
            RecordKey(kind: .health, name: "A"),
        ]

        #expect(keys.reversed().sorted() == keys)
    }
}

@Suite("A record kind")
struct RecordKindTests {
    @Test("decides what is durable and what is owned")
    func rules() {
        let durable = (0...255).map { RecordKind(rawValue: $0) }.filter(\.isDurable)

        #expect(durable.map(\.rawValue) == [0, 1] + Array(5...127))
        #expect(
            [.health, .nodeState, .regionSummary].allSatisfy { (kind: RecordKind) in kind.isOwned }
        )
        #expect(!RecordKind.entity.isOwned && !RecordKind(rawValue: 99).isOwned)
    }
}

@Suite("A bounded memory")
struct RecentMapTests {
    @Test("forgets the oldest insertions first, and keeps what was renewed")
    func forgetsOldest() {
        var map = RecentMap<Int, String>(limit: 3)
        for key in 0..<3 { map.insert("\(key)", for: key) }
        map.insert("again", for: 0)
        map.insert("3", for: 3)

        #expect(map[0] == "again")
        #expect(map[1] == nil)
        #expect(map.count == 3)
    }

    @Test("stays within its bound under any use", arguments: UInt64(0)..<8)
    func bounded(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        var map = RecentMap<Int, Int>(limit: 10)
        for step in 0..<5_000 {
            let key = dice.next(below: 30)
            if dice.next(below: 5) == 0 { map.remove(key) } else { map.insert(step, for: key) }
            #expect(map.count <= 10)
        }
        map.insert(-1, for: 99)
        #expect(map[99] == -1)
    }
}

@Suite("A digest tree")
struct DigestTreeTests {
    @Test("is what it was when a record was put in and taken out, in any order")
    func toggles() {
        let hashes = (0..<50).map { Fixture.hash([UInt8($0)]) }
        var tree = DigestTree()
        for (index, hash) in hashes.enumerated() { tree.toggle(hash, in: UInt8(index)) }
        for (index, hash) in hashes.enumerated().reversed() { tree.toggle(hash, in: UInt8(index)) }

        #expect(tree == DigestTree())
    }

    @Test("names the buckets that differ")
    func differences() {
        var left = DigestTree()
        var right = DigestTree()
        left.toggle(Fixture.hash([1]), in: 3)
        right.toggle(Fixture.hash([1]), in: 3)
        right.toggle(Fixture.hash([2]), in: 255)

        #expect(left.differences(to: right.buckets) == [255])
        #expect(left.root != right.root)
    }
}
