/// Logarithms from the standard library's arithmetic alone, equal on every machine.
enum Logarithm {
    /// The natural logarithm of a finite number above zero, to about 12 digits.
    static func natural(_ value: Double) -> Double {
        precondition(value > 0 && value.isFinite, "only numbers above zero have a logarithm")
        // ln(m * 2^e) = e * ln 2 + 2 * artanh((m - 1) / (m + 1)), with m in 1..<2.
        let ratio = (value.significand - 1) / (value.significand + 1)
        let square = ratio * ratio
        var term = ratio
        var sum = 0.0
        for odd in stride(from: 1.0, through: 25.0, by: 2.0) {
            sum += term / odd
            term *= square
        }
        return Double(value.exponent) * 0.693_147_180_559_945_3 + 2 * sum
    }
}
