/// The elements of a list field with their weights, as in `trailers, gzip;q=0.5`.
///
/// Source: RFC 9110 sections 5.6.1 and 12.4.2. Commas in quoted parameters are not looked for:
/// they cut an element of no interest here into two of none.
struct WeightedList {
    private let octets: OctetView
    private var at: Int
    private let end: Int

    /// Reads the elements of one field's value.
    init(_ value: ByteRange, in octets: OctetView) {
        self.octets = octets
        self.at = value.start
        self.end = value.end
    }

    /// The next element without its parameters, and its weight in thousandths; 1,000 by default.
    mutating func next() -> (name: ByteRange, weight: Int)? {
        guard self.at < self.end else { return nil }
        let start = self.at
        let comma = self.octets.firstIndex(of: Octet.comma, from: start, to: self.end)
        self.at = comma + 1
        var mark = self.octets.firstIndex(of: Octet.semicolon, from: start, to: comma)
        let name = self.octets.trimmed(start, mark)
        var weight = 1_000
        while mark < comma {
            let parameterStart = mark + 1
            mark = self.octets.firstIndex(of: Octet.semicolon, from: parameterStart, to: comma)
            weight = self.weight(self.octets.trimmed(parameterStart, mark)) ?? weight
        }
        return (name, weight)
    }

    /// `q=` with up to three digits; nil for another parameter.
    private func weight(_ range: ByteRange) -> Int? {
        guard range.count >= 3,
            OctetView.lowercased(self.octets[range.start]) == UInt8(ascii: "q"),
            self.octets[range.start + 1] == UInt8(ascii: "=")
        else { return nil }
        var weight = self.octets[range.start + 2] == UInt8(ascii: "1") ? 1_000 : 0
        var place = 100
        for index in (range.start + 3)..<range.end {
            let digit = self.octets[index] &- 0x30
            if digit < 10 {
                weight += Int(digit) * place
                place /= 10
            }
        }
        return min(weight, 1_000)
    }
}
