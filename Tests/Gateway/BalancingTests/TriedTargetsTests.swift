import MeshBalancing
import MeshPrimitives
import Testing

@Suite("The tried targets of a request")
struct TriedTargetsTests {
    @Test("are exact below and above 64", arguments: UInt64(0)..<20)
    func agreesWithSet(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var set = TriedTargets()
        var model: Set<Int> = []
        for _ in 0..<16 {
            let index = generator.next(below: 1_024)
            set.insert(index)
            set.insert(index)
            model.insert(index)
        }

        #expect(set.count == model.count)
        for index in 0..<1_100 {
            #expect(set.contains(index) == model.contains(index), "seed \(seed)")
        }
    }

    @Test("begin empty and say when they are full")
    func fills() {
        var set = TriedTargets()
        #expect(set.isEmpty && !set.isFull && !set.contains(0) && !set.contains(-1))

        for index in 64..<80 { set.insert(index) }
        set.insert(80)
        set.insert(3)
        set.insert(-1)

        #expect(set.isFull && !set.isEmpty)
        #expect(!set.contains(80) && set.contains(79) && set.contains(3))
        #expect(set.count == 17)
    }
}
