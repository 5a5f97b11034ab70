import MeshPlugins
import Testing

@testable import MeshDataPlane

@Suite("Counters of windows")
struct WindowCountersTests {
    private func window(_ key: UInt64, end: Int64 = 100) -> LimitWindow {
        LimitWindow(key: key, end: end)
    }

    @Test("count up to a limit and no further")
    func limit() {
        let counters = WindowCounters()
        for before in 0..<3 {
            let taken = counters.take(self.window(7), limit: 3, at: 50_000)
            #expect(taken == (UInt32(before), true))
        }
        #expect(counters.take(self.window(7), limit: 3, at: 50_000) == (3, false))
        #expect(counters.count(in: self.window(7), at: 50_000) == 3)
        counters.giveBack(self.window(7), at: 50_000)
        #expect(counters.take(self.window(7), limit: 3, at: 50_000) == (2, true))
    }

    @Test("begin again with a new window")
    func newWindow() {
        let counters = WindowCounters()
        _ = counters.take(self.window(7), limit: 1, at: 50_000)
        #expect(counters.count(in: self.window(7, end: 200), at: 50_000) == 0)
        #expect(counters.take(self.window(7, end: 200), limit: 1, at: 150_000) == (0, true))
    }

    @Test("keep the largest counts when there is no room for all")
    func eviction() {
        let counters = WindowCounters(shardCount: 1)
        // All of these fall into the same eight places.
        let keys = (1...64).map { UInt64($0) }
        for _ in 0..<100 { _ = counters.take(self.window(keys[0]), limit: 1_000, at: 50_000) }
        for key in keys.dropFirst() {
            _ = counters.take(self.window(key), limit: 1_000, at: 50_000)
        }
        #expect(counters.count(in: self.window(keys[0]), at: 50_000) == 100)
        #expect(counters.count(in: self.window(keys[63]), at: 50_000) == 1)
        let kept = keys.filter { counters.count(in: self.window($0), at: 50_000) > 0 }
        #expect(kept.count == 8)
    }

    @Test("give the place of a window that is over to another")
    func expiry() {
        let counters = WindowCounters(shardCount: 1)
        for key in 1...8 { counters.add(9, to: self.window(UInt64(key)), limit: 1, at: 50_000) }
        counters.add(1, to: self.window(9, end: 300), limit: 1, at: 150_000)
        #expect(counters.count(in: self.window(9, end: 300), at: 50_000) == 1)
    }

    @Test("do not wrap around")
    func saturation() {
        let counters = WindowCounters()
        counters.add(.max, to: self.window(7), limit: 1, at: 50_000)
        counters.add(5, to: self.window(7), limit: 1, at: 50_000)
        #expect(counters.count(in: self.window(7), at: 50_000) == .max)
        #expect(counters.take(self.window(7), limit: .max, at: 50_000) == (.max, false))
    }
}
