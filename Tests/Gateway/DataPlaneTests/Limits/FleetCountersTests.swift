import MeshPlugins
import MeshPrimitives
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("Counters of the fleet at one node")
struct FleetCountersTests {
    private let window = LimitWindow(key: 7, end: 100)
    private let counters = FleetCounters()

    private func counted() -> [FleetCounters.Count] {
        var counts: [FleetCounters.Count] = []
        self.counters.takeCounted { counts.append($0) }
        return counts
    }

    private func tell(_ others: UInt32, ownThen: UInt32 = 0, sharers: UInt16 = 2) {
        var standing = CounterStanding()
        standing.others = others
        standing.ownThen = ownThen
        standing.sharers = sharers
        standing.learnedAt = 50_000
        self.counters.publish(standing, of: self.window)
    }

    @Test("hold the limit alone as long as nobody speaks")
    func alone() {
        for before in 0..<3 {
            let taken = self.counters.take(self.window, limit: 3, at: 50_000)
            #expect(taken == (UInt32(before), true))
        }
        #expect(self.counters.take(self.window, limit: 3, at: 50_000) == (3, false))
    }

    @Test("ring once something is counted, and again only after it was taken")
    func rings() {
        let count = Mutex(0)
        let rung = { count.withLock { $0 } }
        self.counters.onCounted { count.withLock { $0 += 1 } }
        #expect(rung() == 0)
        for _ in 0..<5 { _ = self.counters.take(self.window, limit: 9, at: 50_000) }
        #expect(rung() == 1)
        #expect(self.counted().count == 1)
        _ = self.counters.take(self.window, limit: 9, at: 50_000)
        #expect(rung() == 2)
    }

    @Test("hand over each window that was counted in once")
    func marks() {
        for _ in 0..<5 { _ = self.counters.take(self.window, limit: 9, at: 50_000) }
        let counts = self.counted()
        #expect(counts.map(\.window) == [self.window])
        #expect(counts.first?.own == 5)
        #expect(counts.first?.limit == 9)
        #expect(self.counted().isEmpty)
        self.counters.add(2, to: self.window, limit: 9, at: 50_000)
        #expect(self.counted().first?.own == 7)
    }

    @Test("leave to others what they have counted, and their share of the rest")
    func others() {
        _ = self.counters.take(self.window, limit: 10, at: 50_000)
        self.tell(5, ownThen: 1)
        #expect(self.counters.count(in: self.window, at: 50_000) == 6)
        // Four are left for two.
        #expect(self.counters.take(self.window, limit: 10, at: 50_000).isTaken)
        #expect(self.counters.take(self.window, limit: 10, at: 50_000).isTaken)
        #expect(!self.counters.take(self.window, limit: 10, at: 50_000).isTaken)
        self.tell(5, ownThen: 3)
        #expect(self.counters.take(self.window, limit: 10, at: 50_000).isTaken)
    }

    @Test("count for the others at the pace they had")
    func pace() {
        _ = self.counters.take(self.window, limit: 100, at: 50_000)
        var standing = CounterStanding()
        standing.others = 10
        standing.ownThen = 1
        standing.pace = 0.5
        standing.learnedAt = 50_000
        self.counters.publish(standing, of: self.window)
        #expect(self.counters.count(in: self.window, at: 50_100) == 11 + 65)
    }

    @Test("know nothing of others in another window, and count in the later one of two")
    func windows() {
        _ = self.counters.take(self.window, limit: 10, at: 50_000)
        self.tell(9, ownThen: 1)
        let next = LimitWindow(key: 7, end: 160)
        #expect(self.counters.take(next, limit: 10, at: 100_000) == (0, true))
        // A worker whose clock is a little behind.
        #expect(self.counters.take(self.window, limit: 10, at: 100_000) == (1, true))
        #expect(self.counters.count(in: next, at: 100_000) == 2)
    }
}
