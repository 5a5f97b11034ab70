import Testing

@testable import MeshPlugins

@Suite("Counters of windows")
struct WindowCountersTests {
    private func window(_ key: UInt64, end: Int64 = 100) -> WindowCounters.Window {
        WindowCounters.Window(key: key, end: end)
    }

    @Test("count up to a limit and no further")
    func limit() {
        let counters = WindowCounters()
        for before in 0..<3 {
            let taken = counters.take(self.window(7), limit: 3, at: 50)
            #expect(taken == (UInt32(before), true))
        }
        #expect(counters.take(self.window(7), limit: 3, at: 50) == (3, false))
        #expect(counters.count(in: self.window(7)) == 3)
        counters.giveBack(self.window(7), at: 50)
        #expect(counters.take(self.window(7), limit: 3, at: 50) == (2, true))
    }

    @Test("begin again with a new window")
    func newWindow() {
        let counters = WindowCounters()
        _ = counters.take(self.window(7), limit: 1, at: 50)
        #expect(counters.count(in: self.window(7, end: 200)) == 0)
        #expect(counters.take(self.window(7, end: 200), limit: 1, at: 150) == (0, true))
    }

    @Test("keep the largest counts when there is no room for all")
    func eviction() {
        let counters = WindowCounters(shardCount: 1)
        // All of these fall into the same eight places.
        let keys = (1...64).map { UInt64($0) }
        for _ in 0..<100 { _ = counters.take(self.window(keys[0]), limit: 1_000, at: 50) }
        for key in keys.dropFirst() { _ = counters.take(self.window(key), limit: 1_000, at: 50) }
        #expect(counters.count(in: self.window(keys[0])) == 100)
        #expect(counters.count(in: self.window(keys[63])) == 1)
        let kept = keys.filter { counters.count(in: self.window($0)) > 0 }
        #expect(kept.count == 8)
    }

    @Test("give the place of a window that is over to another")
    func expiry() {
        let counters = WindowCounters(shardCount: 1)
        for key in 1...8 { counters.add(9, to: self.window(UInt64(key)), at: 50) }
        #expect(counters.add(1, to: self.window(9, end: 300), at: 150) == 1)
        #expect(counters.count(in: self.window(9, end: 300)) == 1)
    }

    @Test("do not wrap around")
    func saturation() {
        let counters = WindowCounters()
        counters.add(.max, to: self.window(7), at: 50)
        #expect(counters.add(5, to: self.window(7), at: 50) == .max)
        #expect(counters.take(self.window(7), limit: .max, at: 50) == (.max, false))
    }
}

@Suite("Windows of limits")
struct LimitPeriodTests {
    @Test(
        "begin with the clock's and the calendar's (Kong, kong/tools/timestamp.lua)",
        arguments: [
            // 2024-02-29 12:34:56 UTC.
            (1_709_210_096, 1_709_210_096, 1_709_210_040, 1_709_208_000, 1_709_164_800),
            (0, 0, 0, 0, 0),
        ] as [(Int64, Int64, Int64, Int64, Int64)]
    )
    func clock(now: Int64, second: Int64, minute: Int64, hour: Int64, day: Int64) {
        #expect(LimitPeriod.second.start(of: now) == second)
        #expect(LimitPeriod.minute.start(of: now) == minute)
        #expect(LimitPeriod.hour.start(of: now) == hour)
        #expect(LimitPeriod.day.start(of: now) == day)
    }

    @Test(
        "of months and years begin with those of the calendar",
        arguments: [
            // 2024-02-29, 2023-03-01, 2000-12-31 23:59:59, 2023-01-01, 2024-03-01.
            (1_709_210_096, 1_706_745_600, 1_704_067_200),
            (1_677_628_800, 1_677_628_800, 1_672_531_200),
            (978_307_199, 975_628_800, 946_684_800),
            (1_672_531_200, 1_672_531_200, 1_672_531_200),
            (1_709_251_200, 1_709_251_200, 1_704_067_200),
        ] as [(Int64, Int64, Int64)]
    )
    func calendar(now: Int64, month: Int64, year: Int64) {
        #expect(LimitPeriod.month.start(of: now) == month)
        #expect(LimitPeriod.year.start(of: now) == year)
    }
}
