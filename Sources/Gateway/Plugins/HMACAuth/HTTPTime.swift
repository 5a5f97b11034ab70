/// Times in HTTP fields.
enum HTTPTime {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that senders may use;
    /// nil for anything else.
    ///
    /// Source: RFC 9110 section 5.6.7.
    static func parse(_ value: UnsafeRawBufferPointer) -> Int64? {
        guard value.count == 29 else { return nil }
        let text = String(decoding: value, as: UTF8.self).split(
            separator: " ",
            omittingEmptySubsequences: false
        )
        guard text.count == 6, text[0].hasSuffix(","), text[5] == "GMT",
            let day = Self.number(text[1], 1...31),
            let month = Self.months.firstIndex(of: String(text[2])),
            let year = Self.number(text[3], 1_970...9_999)
        else { return nil }
        let clock = text[4].split(separator: ":", omittingEmptySubsequences: false)
        guard clock.count == 3, let hour = Self.number(clock[0], 0...23),
            let minute = Self.number(clock[1], 0...59), let second = Self.number(clock[2], 0...60)
        else { return nil }
        return Self.days(year, Int64(month) + 1, day) * 86_400 + hour * 3_600 + minute * 60 + second
    }

    private static func number(_ text: Substring, _ range: ClosedRange<Int64>) -> Int64? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(text),
            range.contains(number)
        else { return nil }
        return number
    }

    /// Days since 1970 in the Gregorian calendar.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        // Years begin in March, so that leap days end them.
        let year = month <= 2 ? year - 1 : year
        let era = year / 400
        let ofEra = year - era * 400
        let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }
}
