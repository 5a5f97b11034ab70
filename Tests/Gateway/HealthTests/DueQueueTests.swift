import MeshPrimitives
import Testing

@testable import MeshHealth

@Suite("A due queue")
struct DueQueueTests {
    @Test("gives the earliest first, whatever was set, moved and taken out", arguments: 0..<10)
    func model(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var queue = DueQueue()
        var model: [Int: Int64] = [:]
        for _ in 0..<3_000 {
            let slot = generator.next(below: 60)
            if generator.next(below: 3) == 0 {
                queue.set(slot, to: nil)
                model[slot] = nil
            } else {
                let moment = Int64(generator.next(below: 1_000_000))
                queue.set(slot, to: MonotonicInstant(nanoseconds: moment))
                model[slot] = moment
            }
            #expect(queue.count == model.count)
            #expect(queue.first?.at.nanoseconds == model.values.min())
        }
        var last: Int64 = 0
        while let first = queue.first {
            #expect(first.at.nanoseconds >= last && model[first.slot] == first.at.nanoseconds)
            last = first.at.nanoseconds
            queue.set(first.slot, to: nil)
        }
    }
}
