import Testing

@testable import MeshPlugins

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
