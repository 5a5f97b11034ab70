/// Seconds since 1970 as a date of the Gregorian calendar, UTC.
///
/// Source: Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2014.
struct CivilTime {
    /// Seconds after 1970, at most the end of year 9999, the last that has four digits.
    private let seconds: UInt64
    let year: UInt64
    /// 1 to 12.
    let month: UInt64
    /// 1 to 31.
    let day: UInt64

    private static let dayNames: StaticString = "ThuFriSatSunMonTueWed"
    private static let monthNames: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

    init(secondsSince1970 seconds: UInt64) {
        self.seconds = min(seconds, 253_402_300_799)
        let shifted = self.seconds / 86_400 + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        self.day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        self.month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        self.year = yearOfEra + era * 400 + (self.month <= 2 ? 1 : 0)
    }

    /// Writes the day of the week in three letters.
    func writeDayName(into writer: inout HeadWriter) {
        Self.write(name: self.seconds / 86_400 % 7, of: Self.dayNames, into: &writer)
    }

    /// Writes day, month in three letters and year of four digits with `separator` between them.
    func writeDate(separator: StaticString, into writer: inout HeadWriter) {
        Self.write(twoDigits: self.day, into: &writer)
        writer.write(separator)
        Self.write(name: self.month - 1, of: Self.monthNames, into: &writer)
        writer.write(separator)
        Self.write(twoDigits: self.year / 100, into: &writer)
        Self.write(twoDigits: self.year % 100, into: &writer)
    }

    /// Writes `08:49:37`.
    func writeTime(into writer: inout HeadWriter) {
        Self.write(twoDigits: self.seconds / 3_600 % 24, into: &writer)
        writer.write(":")
        Self.write(twoDigits: self.seconds / 60 % 60, into: &writer)
        writer.write(":")
        Self.write(twoDigits: self.seconds % 60, into: &writer)
    }

    private static func write(
        name: UInt64,
        of names: StaticString,
        into writer: inout HeadWriter
    ) {
        let start = names.utf8Start + Int(name) * 3
        writer.write(UnsafeRawBufferPointer(start: start, count: 3))
    }

    private static func write(twoDigits value: UInt64, into writer: inout HeadWriter) {
        writer.write(byte: UInt8(0x30 + value / 10))
        writer.write(byte: UInt8(0x30 + value % 10))
    }
}
