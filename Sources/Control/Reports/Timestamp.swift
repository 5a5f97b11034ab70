/// Points in time as reports write them.
public enum Timestamp {
    /// RFC 3339 in UTC with milliseconds: `2026-11-20T22:41:07.120Z`.
    ///
    /// Source: the civil calendar from a day count by H. Hinnant, "chrono-compatible low-level date
    /// algorithms".
    public static func text(milliseconds: UInt64) -> String {
        let seconds = milliseconds / 1_000
        let (year, month, day) = Self.civil(day: Int(seconds / 86_400))
        let ofDay = Int(seconds % 86_400)
        let date = "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))"
        let hour = Self.padded(ofDay / 3_600, 2)
        let minute = Self.padded(ofDay / 60 % 60, 2)
        let second = Self.padded(ofDay % 60, 2)
        return "\(date)T\(hour):\(minute):\(second).\(Self.padded(Int(milliseconds % 1_000), 3))Z"
    }

    private static func civil(day: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
            dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        )
    }

    private static func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
