import Testing

@testable import MeshDeclarative

@Suite("Mapping on all processors")
struct ConcurrentMapTests {
    @Test("gives the results in order, however many there are", arguments: [0, 1, 7, 8, 9, 1_000])
    func order(count: Int) {
        let elements = Array(0..<count)
        #expect(elements.concurrentMap(stretch: 8) { "\($0)" } == elements.map { "\($0)" })
        let (texts, negatives) = concurrentPairs(count: count, stretch: 8) { ("\($0)", -$0) }
        #expect(texts == elements.map { "\($0)" } && negatives == elements.map { -$0 })
    }
}
