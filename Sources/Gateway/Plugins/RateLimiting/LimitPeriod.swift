/// The windows that requests are counted in: fixed stretches of time since 1970, in UTC.
///
/// Source: Kong 3.9, `kong/tools/timestamp.lua` and `kong/plugins/rate-limiting/expiration.lua`.
enum LimitPeriod: Int, CaseIterable, Sendable {
    case second
    case minute
    case hour
    case day
    case month
    case year

    /// The setting's name.
    var name: String {
        switch self {
        case .second: "second"
        case .minute: "minute"
        case .hour: "hour"
        case .day: "day"
        case .month: "month"
        case .year: "year"
        }
    }

    /// The name as it ends the name of a field.
    var title: String {
        switch self {
        case .second: "Second"
        case .minute: "Minute"
        case .hour: "Hour"
        case .day: "Day"
        case .month: "Month"
        case .year: "Year"
        }
    }

    /// Seconds; a month counts 30 days and a year 365 where a rest is told, as in Kong.
    var seconds: Int64 {
        switch self {
        case .second: 1
        case .minute: 60
        case .hour: 3_600
        case .day: 86_400
        case .month: 2_592_000
        case .year: 31_536_000
        }
    }

    /// When the window that holds a moment began, in seconds since 1970: months and years begin with
    /// those of the calendar.
    func start(of now: Int64) -> Int64 {
        switch self {
        case .second, .minute, .hour, .day: now - Self.remainder(now, self.seconds)
        case .month, .year: Self.calendarStart(now, self)
        }
    }

    /// A moment at or behind the end of the window that began at `start`, no other window's.
    func end(from start: Int64) -> Int64 {
        switch self {
        case .second, .minute, .hour, .day: start + self.seconds
        case .month: start + 31 * 86_400
        case .year: start + 366 * 86_400
        }
    }

    private static func remainder(_ value: Int64, _ divisor: Int64) -> Int64 {
        let rest = value % divisor
        return rest < 0 ? rest + divisor : rest
    }

    /// Source: Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    private static func calendarStart(_ now: Int64, _ period: LimitPeriod) -> Int64 {
        let days = (now - Self.remainder(now, 86_400)) / 86_400
        let shifted = days + 719_468
        let dayOfEra = Self.remainder(shifted, 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5
        let monthStart = days - day
        guard period == .year else { return monthStart * 86_400 }
        // Days from the first of January, of a year that begins in March.
        let year = yearOfEra + (marchMonth >= 10 ? 1 : 0)
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let sinceJanuary =
            marchMonth >= 10 ? dayOfYear - 306 : dayOfYear + (isLeap ? 60 : 59)
        return (days - sinceJanuary) * 86_400
    }
}
