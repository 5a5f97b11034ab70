/// The date form of `Date`: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
public enum HTTPDate {
    /// How many bytes a date takes.
    public static let byteCount = 29

    /// Writes the date of so many seconds after 1970; later than year 9999 is its end.
    public static func write(secondsSince1970 seconds: UInt64, into writer: inout HeadWriter) {
        let time = CivilTime(secondsSince1970: seconds)
        time.writeDayName(into: &writer)
        writer.write(", ")
        time.writeDate(separator: " ", into: &writer)
        writer.write(" ")
        time.writeTime(into: &writer)
        writer.write(" GMT")
    }
}
