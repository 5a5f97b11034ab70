import MeshPrimitives
import Testing

@Suite("A hybrid clock")
struct HybridTimestampTests {
    private var clock = HybridClock()

    @Test("gives stamps that only rise, even when the wall clock stands still or goes back")
    mutating func rises() {
        let stamps = [1_000, 1_000, 900, 2_000].map { self.clock.tick(wallMilliseconds: $0) }

        #expect(zip(stamps, stamps.dropFirst()).allSatisfy { $0 < $1 })
        #expect(stamps.last == HybridTimestamp(milliseconds: 2_000, counter: 0))
    }

    @Test("gives a stamp above every stamp it has observed")
    mutating func observes() throws {
        let remote = HybridTimestamp(milliseconds: 1_400, counter: 7)
        try self.clock.observe(remote, wallMilliseconds: 1_000)

        #expect(self.clock.tick(wallMilliseconds: 1_000) > remote)
    }

    @Test("refuses a stamp more than 500 ms ahead and stays as it was")
    mutating func refusesDrift() {
        let remote = HybridTimestamp(milliseconds: 1_501, counter: 0)

        #expect(throws: HybridClockError.tooFarAhead(milliseconds: 501)) {
            try self.clock.observe(remote, wallMilliseconds: 1_000)
        }
        #expect(self.clock.latest == .zero)
    }
}
