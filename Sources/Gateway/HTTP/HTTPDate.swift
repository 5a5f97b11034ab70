/// The date form of `Date`: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
public enum HTTPDate {
    /// How many bytes a date takes.
    public static let byteCount = 29

    private static let dayNames: StaticString = "ThuFriSatSunMonTueWed"
    private static let monthNames: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

    /// Writes the date of so many seconds after 1970.
    ///
    /// Source of the calendar: Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2014.
    public static func write(secondsSince1970 seconds: UInt64, into writer: inout HeadWriter) {
        // Year 9999 is the last that has four digits.
        let seconds = min(seconds, 253_402_300_799)
        let days = seconds / 86_400
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        Self.write(name: days % 7, of: Self.dayNames, into: &writer)
        writer.write(", ")
        Self.write(twoDigits: day, into: &writer)
        writer.write(" ")
        Self.write(name: month - 1, of: Self.monthNames, into: &writer)
        writer.write(" ")
        Self.write(twoDigits: year / 100, into: &writer)
        Self.write(twoDigits: year % 100, into: &writer)
        writer.write(" ")
        Self.write(twoDigits: seconds / 3_600 % 24, into: &writer)
        writer.write(":")
        Self.write(twoDigits: seconds / 60 % 60, into: &writer)
        writer.write(":")
        Self.write(twoDigits: seconds % 60, into: &writer)
        writer.write(" GMT")
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
